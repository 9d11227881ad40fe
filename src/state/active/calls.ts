// The functions of the library as calls over one connection.

import type { Upstream } from '../gateway/upstream.ts';
import { bytesOf } from '../resp/replies.ts';
import { decode, encode, RespError, type Value } from '../resp/values.ts';
import { type Id, type Origin, START, type Vector } from './ids.ts';
import type { Applied, LogEntry, Tail } from './ports.ts';

export type Arg = string | Buffer | number;
/** The reply; throws Refusal for an error reply, and what the connection throws at its end. */
export type Ask = (...args: readonly Arg[]) => Promise<Value>;

/** Redis answered with an error. */
export class Refusal extends Error {}

/** Many in one write, the replies in their order; throws Refusal when one of them is an error. */
export type AskAll = (...commands: readonly (readonly Arg[])[]) => Promise<readonly Value[]>;

export const askingAll =
  (up: Upstream): AskAll =>
  async (...commands) => {
    const said = await up.send(commands.map(encode), commands.length);
    return said.map((reply) => {
      const value = decode(bytesOf(reply));
      if (value instanceof RespError) throw new Refusal(value.text);
      return value;
    });
  };
export const asking = (up: Upstream): Ask => {
  const all = askingAll(up);
  return async (...args) => (await all(args))[0] ?? null;
};

/** What a simple or bulk string, or a number, says; empty for anything else. */
export const textOf = (v: Value | undefined): string =>
  Buffer.isBuffer(v) || typeof v === 'number' || typeof v === 'bigint' ? v.toString() : '';

const listOf = (v: Value): readonly Value[] => (Array.isArray(v) ? v : []);

export async function vectorBy(ask: Ask): Promise<Vector> {
  const flat = listOf(await ask('FCALL_RO', 'tw_vector', 0)).map(textOf);
  return Object.fromEntries(flat.flatMap((o, i) => (i % 2 === 0 ? [[o, flat[i + 1] ?? START]] : [])));
}

export async function meBy(ask: Ask): Promise<{ origin: Origin; run: string } | undefined> {
  const [origin, run] = listOf(await ask('FCALL_RO', 'tw_me', 0)).map(textOf);
  return origin === undefined || run === undefined ? undefined : { origin, run };
}

export async function tailBy(ask: Ask, origin: Origin, after: Id, count: number): Promise<Tail> {
  try {
    const flat = listOf(await ask('FCALL_RO', 'tw_tail', 0, origin, after, count));
    const entries: LogEntry[] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) entries.push({ id: textOf(flat[i]), payload: flat[i + 1] as Buffer });
    return { is: 'entries', entries };
  } catch (error) {
    if (error instanceof Refusal && error.message.includes('TWTRIMMED')) return { is: 'trimmed' };
    throw error;
  }
}

export async function applyBy(
  ask: Ask,
  x: { origin: Origin; prev: Id; entries: readonly LogEntry[] },
): Promise<Applied> {
  try {
    const flat = x.entries.flatMap((e) => [e.id, e.payload]);
    return { is: 'applied', id: textOf(await ask('FCALL', 'tw_apply', 0, x.origin, x.prev, ...flat)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.message.includes('TWGAP')) return { is: 'gap' };
    const skew = /TWSKEW (\d+)/.exec(error.message)?.[1];
    if (skew !== undefined) return { is: 'skew', ms: Number(skew) };
    throw error;
  }
}
