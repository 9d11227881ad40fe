import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RootId } from './model.ts';
import type { RunHandle, RunSpec, TerraformPort } from './ports.ts';
import type { TfEvent } from './stream.ts';

/** One implementation of TerraformPort with three roots: one applies well, one fails, one is slow. */
export interface TerraformUnderTest {
  port: TerraformPort;
  roots: { good: RootId; bad: RootId; slow: RootId; slow2: RootId };
  /** Arguments of an apply. */
  args: readonly string[];
  /** SIGINTs that reached the run of a root, when that can be known. */
  interrupts(root: RootId): number;
  /** Lets a slow run come to its good end. */
  letGo(root: RootId): void;
  close(): Promise<void>;
}

async function read(h: RunHandle): Promise<TfEvent[]> {
  const events: TfEvent[] = [];
  for await (const e of h.events) events.push(e);
  return events;
}
/** Reads until the second operation has begun, the slow one, and leaves the rest. */
async function untilSlow(h: RunHandle): Promise<AsyncIterator<TfEvent>> {
  const it = h.events[Symbol.asyncIterator]();
  let begun = 0;
  for (let n = await it.next(); n.done !== true; n = await it.next()) {
    if (n.value.type === 'start') begun++;
    if (begun === 2) break;
  }
  return it;
}
const types = (events: readonly TfEvent[]): string[] => events.map((e) => e.type);

export function terraformContract(name: string, open: () => Promise<TerraformUnderTest>): void {
  describe(`TerraformPort: ${name}`, () => {
    let t: TerraformUnderTest;
    const spec = (root: RootId): RunSpec => ({ run: 'r1', root, verb: 'apply', args: t.args });
    beforeAll(async () => {
      t = await open();
    });
    afterAll(async () => await t.close());

    it('streams a run to its end, and the exit code is 0', async () => {
      const h = await t.port.start(spec(t.roots.good));
      const events = await read(h);
      expect(types(events)).toEqual(expect.arrayContaining(['version', 'start', 'complete', 'summary']));
      expect(await h.done).toMatchObject({ code: 0 });
      expect(t.port.alive(h.ref)).toBe(false);
    });

    it('reports a failed run as data', async () => {
      const h = await t.port.start(spec(t.roots.bad));
      const events = await read(h);
      expect(types(events)).toContain('errored');
      expect(events.filter((e) => e.type === 'summary' && e.operation === 'apply')).toEqual([]);
      expect(await h.done).toMatchObject({ code: 1 });
    });

    it('sends one interrupt only, and the run still ends by itself', async () => {
      const h = await t.port.start(spec(t.roots.slow));
      const it = await untilSlow(h);
      h.interruptOnce();
      h.interruptOnce();
      while ((await it.next()).done !== true);
      const result = await h.done;
      expect(result.code).not.toBe(0);
      h.interruptOnce();
      expect(t.interrupts(t.roots.slow)).toBe(1);
    });

    it('leaves a run alone and finds it again: every event, no exit code', async () => {
      const h = await t.port.start(spec(t.roots.slow2));
      const it = await untilSlow(h);
      h.detach();
      expect(await h.done).toMatchObject({ code: null, detached: true });
      while ((await it.next()).done !== true);
      expect(t.port.alive(h.ref)).toBe(true);
      const again = await t.port.attach(h.ref);
      const events = read(again);
      t.letGo(t.roots.slow2);
      expect(types(await events)).toEqual(expect.arrayContaining(['version', 'start', 'complete', 'summary']));
      expect(await again.done).toMatchObject({ code: null });
      expect(t.port.alive(h.ref)).toBe(false);
    });
  });
}
