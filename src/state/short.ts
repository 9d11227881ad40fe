import type { Shortage } from './model.ts';

const MB = 1 << 20;
const mib = (bytes: number): string => (bytes / MB).toFixed(1);

/** Value and limit, as far as they are known. */
export const amountOf = ({ of, used, limit }: Shortage): string =>
  used === undefined || limit === undefined
    ? `the ${of} is full`
    : `the ${of} is full: ${mib(used)} of ${mib(limit)} MiB`;

/** What a cluster's row says. */
export const shortSay = (s: Shortage): string => `TW5113 ${amountOf(s)}`;
