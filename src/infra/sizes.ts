import type { Cloud } from '../kernel/index.ts';

type BuiltCloud = Exclude<Cloud, 'existing'>;
/** Machine types of the words s, m, l: two vCPU and four or eight GB, then four and sixteen. */
const SIZES: Record<BuiltCloud, Readonly<Record<string, string>>> = {
  aws: { s: 't3.medium', m: 't3.large', l: 'm6i.xlarge' },
  azure: { s: 'Standard_B2s', m: 'Standard_D2s_v5', l: 'Standard_D4s_v5' },
  gcp: { s: 'e2-medium', m: 'e2-standard-2', l: 'e2-standard-4' },
};
const EXACT: Record<BuiltCloud, RegExp> = {
  aws: /^[a-z][a-z0-9-]*\.[a-z0-9]+(-[a-z0-9]+)?$/,
  azure: /^Standard_[A-Za-z0-9_-]+$/,
  gcp: /^[a-z][a-z0-9]*-[a-z0-9-]+$/,
};

/** The cloud's machine type behind a size; undefined: neither a word nor the form of a type. */
export function machineType(cloud: BuiltCloud, size: string): string | undefined {
  if (Object.hasOwn(SIZES[cloud], size)) return SIZES[cloud][size];
  return EXACT[cloud].test(size) ? size : undefined;
}

export const sizeWords = (cloud: BuiltCloud): string[] => Object.keys(SIZES[cloud]);
