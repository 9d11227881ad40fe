import type { Ballot } from './model.ts';

/** Name of the library and of its one function; reserved. */
export const MARKER = 'tw_epoch';

/**
 * The first entry of an epoch's log: a function that says `epoch:w`. It is replicated in order before any write of the
 * epoch, lives through FLUSHALL, and can be read on a fenced Redis (`no-writes`, `allow-stale`).
 */
export function markerLibrary(epoch: Ballot, w: number): string {
  const says = `function() return '${epoch}:${w}' end`;
  return `#!lua name=${MARKER}
redis.register_function{function_name='${MARKER}', callback=${says}, flags={'no-writes', 'allow-stale'}}`;
}

/** What the marker said; undefined when these are no such words. */
export function parseMarker(text: string): { epoch: Ballot; w: number } | undefined {
  const m = /^(\d+):(\d+)$/.exec(text);
  return m === null ? undefined : { epoch: Number(m[1]), w: Number(m[2]) };
}
