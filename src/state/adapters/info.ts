/** A field of what INFO says; empty = there is none. */
export const field = (info: string, name: string): string =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';

/** True when one of the fields is 1. */
export const yes = (info: string, ...names: string[]): boolean => names.some((name) => field(info, name) === '1');
