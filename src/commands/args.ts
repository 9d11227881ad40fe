import type { ArgType } from './model.ts';

type Checked = { value: unknown } | { wrong: string };

function integer(type: Extract<ArgType, { is: 'int' }>, raw: unknown): Checked {
  if (raw === undefined) return { value: type.initial };
  const n = typeof raw === 'string' && /^[+-]?\d+$/.test(raw.trim()) ? Number(raw) : Number.NaN;
  if (!Number.isSafeInteger(n)) return { wrong: 'a whole number is expected' };
  if (n < type.min) return { wrong: `the smallest is ${type.min}` };
  if (type.max !== undefined && n > type.max) return { wrong: `the largest is ${type.max}` };
  return { value: n };
}

/** The value of one argument as the command line gave it, checked; `wrong` says why not. */
export function checkArg(type: ArgType, raw: unknown): Checked {
  switch (type.is) {
    case 'flag':
      return { value: raw === true };
    case 'int':
      return integer(type, raw);
    case 'list': {
      const words = Array.isArray(raw) ? raw : [];
      return type.needed === true && words.length === 0 ? { wrong: 'at least one is expected' } : { value: words };
    }
    case 'text':
      if (typeof raw === 'string') return { value: raw };
      return type.needed === true ? { wrong: 'a value is expected' } : { value: type.initial };
  }
}
