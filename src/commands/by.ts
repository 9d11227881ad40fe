import { userInfo } from 'node:os';
import type { Context } from './context.ts';

/** The person, as records and registers keep it. */
export const byOf = (c: Context): string => c.by ?? userInfo().username;
