import { expect } from 'vitest';
import type { Io } from '../../commands/index.ts';
import { type Problem, problemOf, type View } from '../../kernel/index.ts';

/** What one side of the terminal saw. */
export class Side {
  readonly views: View[] = [];
  text = '';
  asked: string[] = [];
  readonly stop = new AbortController();
  readonly leave = new AbortController();
  readonly io: Io;
  constructor(o: { machine?: boolean; answer?: string } = {}) {
    this.io = {
      show: (v) => void this.views.push(v),
      out: (s) => void (this.text += s),
      machine: o.machine ?? true,
      ask: async (q) => {
        this.asked.push(q.text);
        return o.answer ?? 'no';
      },
      signal: this.stop.signal,
      detach: this.leave.signal,
    };
  }
}

/** The problem that it fails with. */
export const problem = (p: Promise<unknown>): Promise<Problem> =>
  p.then(
    () => expect.fail('it went well'),
    (e: unknown) => problemOf(e),
  );
/** Waits, five seconds at most. */
export const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((done) => setTimeout(done, 10));
  expect(what()).toBe(true);
};
