import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SwitchState } from './model.ts';
import type { Guard, Put, Switch } from './ports.ts';

/** What another program or person can do to the switch object, where the driver has one. */
export interface SwitchHands {
  /** Annotations and parts that are not ours. */
  addForeign(): Promise<void>;
  foreign(): Promise<unknown>;
  /** Weights or selector by hand, and back. */
  tamper(): Promise<void>;
  mend(): Promise<void>;
  loseNotes(): Promise<void>;
  /** Deletes it and makes it again from a copy. */
  recreate(): Promise<void>;
  /** Where requests without and with the preview go: names of the backends, or the version selected. */
  serves(): Promise<readonly string[]>;
  previews(): Promise<readonly string[] | undefined>;
}
export interface SwitchRig {
  cluster: string;
  /** Two processes with a switch driver each, over one new cluster without a switch. */
  a: Switch;
  b: Switch;
  hands?: SwitchHands;
  close(): Promise<void>;
}
export interface SwitchContract {
  name: string;
  open(): Promise<SwitchRig>;
  /** For the random interleavings; default 30 s. */
  timeoutMs?: number;
}

type Target = Omit<SwitchState, 'uid'>;

async function stateOf(s: Switch, c: string): Promise<SwitchState> {
  const state = await s.read(c);
  if (state === undefined) throw new Error('there is no switch');
  return state;
}
const guard = (s: SwitchState): Guard => ({ uid: s.uid, fence: s.fence });
const after = (s: SwitchState, change: Partial<Target> = {}): Target => {
  const { uid: _, ...rest } = s;
  return { ...rest, fence: s.fence + 1, ...change };
};

/** What every Switch must do; run by the twin, and by each driver over a twin and a real API server. */
export function switchContract(c: SwitchContract): void {
  describe(`Switch: ${c.name}`, () => {
    let rig: SwitchRig;
    const made = async (): Promise<SwitchState> => {
      await rig.a.create(rig.cluster, 'v1');
      return await stateOf(rig.a, rig.cluster);
    };
    const write = (s: Switch, from: SwitchState, change: Partial<Target>, keep = ['v1', 'v2']): Promise<Put> =>
      s.write(rig.cluster, guard(from), after(from, change), keep);
    const fresh = (work: () => Promise<void>) => async (): Promise<void> => {
      rig = await c.open();
      try {
        await work();
      } finally {
        await rig.close();
      }
    };

    test(
      'create makes it once and never touches one that is there',
      fresh(async () => {
        expect(await rig.a.read(rig.cluster)).toBeUndefined();
        expect(await rig.a.create(rig.cluster, 'v1')).toBe('ok');
        expect(await rig.b.create(rig.cluster, 'v2')).toBe('stale');
        const state = await stateOf(rig.b, rig.cluster);
        expect(state).toEqual({ uid: state.uid, fence: 0, epoch: 0, release: '', vote: false, live: 'v1' });
        expect(state.uid).toBeTruthy();
        expect(rig.a.fenced).toBe(true);
      }),
    );

    test(
      'vote, flip and back: read shows what was written, and only the live version serves',
      fresh(async () => {
        let s = await made();
        for (const change of [
          { epoch: 4, release: 'r7', vote: true, live: 'v1' },
          { epoch: 4, release: 'r7', vote: false, live: 'v2' },
          { epoch: 5, release: 'r7', vote: false, live: 'v1' },
        ]) {
          expect(await write(rig.a, s, change)).toBe('ok');
          const now = await stateOf(rig.b, rig.cluster);
          expect(now).toEqual({ uid: s.uid, fence: s.fence + 1, ...change });
          if (rig.hands !== undefined) expect(await rig.hands.serves()).toEqual([expect.stringContaining(change.live)]);
          s = now;
        }
      }),
    );

    test(
      'inspect names both versions of a release in order, and one alone when it is over',
      fresh(async () => {
        expect(await rig.a.inspect(rig.cluster, [])).toBeUndefined();
        const s = await made();
        expect(await rig.b.inspect(rig.cluster, [])).toMatchObject({ noted: s, versions: ['v1'], serves: 'v1' });
        for (const live of ['v1', 'v2']) {
          expect(await write(rig.a, await stateOf(rig.a, rig.cluster), { live })).toBe('ok');
          expect(await rig.b.inspect(rig.cluster, [])).toMatchObject({ versions: ['v1', 'v2'], serves: live });
        }
        // A member that has the new version already.
        expect(await write(rig.a, await stateOf(rig.a, rig.cluster), {}, ['v2', 'v2'])).toBe('ok');
        expect(await rig.b.inspect(rig.cluster, [])).toMatchObject({ versions: ['v2', 'v2'], serves: 'v2' });
        expect(await write(rig.a, await stateOf(rig.a, rig.cluster), {}, [])).toBe('ok');
        const over = await rig.b.inspect(rig.cluster, []);
        expect(over).toMatchObject({ versions: ['v2'], serves: 'v2' });
        expect(over?.wrong).toBeUndefined();
      }),
    );

    test(
      'of two writers that race exactly one is ok',
      fresh(async () => {
        const s = await made();
        await stateOf(rig.b, rig.cluster);
        const puts = await Promise.all([
          write(rig.a, s, { release: 'r1', live: 'v2' }),
          write(rig.b, s, { release: 'r2', live: 'v1' }),
        ]);
        expect(puts.toSorted()).toEqual(['ok', 'stale']);
        const won = await stateOf(rig.a, rig.cluster);
        expect(won.fence).toBe(s.fence + 1);
        expect([won.release, won.live]).toEqual(puts[0] === 'ok' ? ['r1', 'v2'] : ['r2', 'v1']);
      }),
    );

    test(
      'a write that comes late, again, to another object or from an older epoch is stale and changes nothing',
      fresh(async () => {
        const s = await made();
        const flip = { epoch: 2, release: 'r1', live: 'v2' };
        expect(await write(rig.a, s, { epoch: 2, release: 'r1', vote: true })).toBe('ok');
        const voted = await stateOf(rig.a, rig.cluster);
        expect(await write(rig.a, voted, { epoch: 3, release: 'r1', vote: false })).toBe('ok');
        const now = await stateOf(rig.a, rig.cluster);
        expect(await write(rig.b, voted, flip)).toBe('stale');
        expect(await write(rig.b, { ...now, uid: 'another' }, { ...flip, epoch: 3 })).toBe('stale');
        expect(await write(rig.b, now, flip)).toBe('stale');
        expect(await write(rig.b, { ...now, fence: now.fence + 1 }, { ...flip, epoch: 3 })).toBe('stale');
        expect(await stateOf(rig.a, rig.cluster)).toEqual(now);
        expect(await write(rig.a, voted, { epoch: 3, release: 'r1', vote: false })).toBe('stale');
        expect(await stateOf(rig.b, rig.cluster)).toEqual(now);
      }),
    );

    test(
      'a preview comes, moves to another version, and goes; twice is as good as once',
      fresh(async () => {
        await made();
        await rig.a.unpreview(rig.cluster);
        for (const version of ['v2', 'v2', 'v3']) {
          await rig.a.preview(rig.cluster, version);
          if (rig.hands !== undefined) {
            expect(await rig.hands.previews()).toEqual([expect.stringContaining(version)]);
            expect(await rig.hands.serves()).toEqual([expect.stringContaining('v1')]);
          }
        }
        await rig.b.unpreview(rig.cluster);
        await rig.b.unpreview(rig.cluster);
        if (rig.hands !== undefined) expect(await rig.hands.previews()).toBeUndefined();
      }),
    );

    test(
      'random interleavings: ok exactly when nothing came between, one winner per round',
      async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(ROUND, { minLength: 1, maxLength: 4 }), async (rounds) => {
            const own = await c.open();
            try {
              await own.a.create(own.cluster, 'v1');
              const past = [await stateOf(own.a, own.cluster)];
              for (const writers of rounds) await play(own, past, writers);
            } finally {
              await own.close();
            }
          }),
          { numRuns: 36 },
        );
      },
      c.timeoutMs ?? 30_000,
    );

    describe('with other hands on the object', () => {
      const handy = (work: (h: SwitchHands) => Promise<void>) =>
        fresh(async () => {
          if (rig.hands !== undefined) await work(rig.hands);
        });

      test(
        'annotations and parts of others stay as they are over every write',
        handy(async (h) => {
          let s = await made();
          await h.addForeign();
          const before = await h.foreign();
          for (const live of ['v1', 'v2', 'v1']) {
            expect(await write(rig.a, s, { live })).toBe('ok');
            s = await stateOf(rig.a, rig.cluster);
          }
          expect(await write(rig.a, s, {}, [])).toBe('ok');
          expect(await h.foreign()).toEqual(before);
          expect(before).toBeTruthy();
        }),
      );

      test(
        'weights or selector by hand: TW7021 for reads and writes, nothing is overwritten; put back, it goes on',
        handy(async (h) => {
          const s = await made();
          expect(await write(rig.a, s, { release: 'r1' })).toBe('ok');
          const good = await stateOf(rig.a, rig.cluster);
          await h.tamper();
          const found = await h.serves();
          await expect(rig.b.read(rig.cluster)).rejects.toThrow(/TW7021.*expected.*v1.*found/);
          await expect(write(rig.a, good, { live: 'v2' })).rejects.toThrow(/TW7021/);
          expect(await h.serves()).toEqual(found);
          expect((await rig.a.refuse(rig.cluster)).map((r) => r.code)).toContain('TW7021');
          await h.mend();
          expect(await write(rig.a, good, { live: 'v2' })).toBe('ok');
        }),
      );

      test(
        'adopt takes it again, whatever was done to it; writes from before are stale, a second adopt too',
        handy(async () => {
          for (const harm of ['tamper', 'loseNotes', 'recreate'] as const) {
            rig = await c.open();
            const hands = rig.hands as SwitchHands;
            const s = await made();
            expect(await write(rig.a, s, { release: 'r1' })).toBe('ok');
            const old = await stateOf(rig.a, rig.cluster);
            await hands[harm]();
            const found = await rig.b.inspect(rig.cluster, ['v1', 'v2']);
            if (found === undefined) throw new Error('it is not there');
            expect(found.wrong).toMatchObject({ code: 'TW7021', cluster: rig.cluster });
            expect(found.noted !== undefined).toBe(harm === 'tamper');
            const to = { fence: 1000, epoch: 3, release: 'r1', vote: false, live: 'v2' };
            expect(await rig.b.adopt(rig.cluster, found, to, ['v1', 'v2'])).toBe('ok');
            expect(await rig.b.adopt(rig.cluster, found, { ...to, live: 'v1' }, ['v1', 'v2'])).toBe('stale');
            const now = await stateOf(rig.a, rig.cluster);
            expect(now).toEqual({ uid: found.uid, ...to });
            expect(await hands.serves()).toEqual([expect.stringContaining('v2')]);
            expect(await write(rig.a, old, { live: 'v1' })).toBe('stale');
            expect(await write(rig.a, now, { live: 'v1' })).toBe('ok');
          }
        }),
      );

      test(
        'lost annotations are TW7021, not "no switch"; the writer does not guess',
        handy(async (h) => {
          const s = await made();
          await h.loseNotes();
          await expect(rig.b.read(rig.cluster)).rejects.toThrow(/TW7021.*fence/);
          await expect(write(rig.a, s, { live: 'v2' })).rejects.toThrow(/TW7021/);
          expect(await rig.a.create(rig.cluster, 'v2')).toBe('stale');
        }),
      );

      test(
        'an object that was made again from a copy is TW7021, and old writes do not reach it',
        handy(async (h) => {
          const s = await made();
          expect(await write(rig.a, s, { release: 'r1' })).toBe('ok');
          const old = await stateOf(rig.a, rig.cluster);
          await h.recreate();
          await expect(rig.b.read(rig.cluster)).rejects.toThrow(/TW7021.*copy/);
          expect(await write(rig.a, old, { live: 'v2' })).toBe('stale');
          expect(await h.serves()).toEqual([expect.stringContaining('v1')]);
        }),
      );
    });
  });
}

const ROUND = fc.array(
  fc.record({
    who: fc.constantFrom('a' as const, 'b' as const),
    // How many states behind the writer is.
    behind: fc.constantFrom(0, 0, 1, 2),
    live: fc.constantFrom('v1', 'v2', 'v3'),
    vote: fc.boolean(),
    epoch: fc.constantFrom(0, 0, 1, -1),
    look: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
);
type Round = typeof ROUND extends fc.Arbitrary<infer T> ? T : never;

/** All writers of a round at once; the state after it is appended to `past` when one won. */
async function play(rig: SwitchRig, past: SwitchState[], writers: Round): Promise<void> {
  const now = past.at(-1) as SwitchState;
  const fits = writers.map((w) => w.behind === 0 && w.epoch >= 0);
  const puts = await Promise.all(
    writers.map(async (w) => {
      if (w.look) await rig[w.who].read(rig.cluster);
      const from = past.at(-1 - w.behind) ?? { ...now, fence: now.fence + 9 };
      const to = after(from, { live: w.live, vote: w.vote, epoch: now.epoch + w.epoch });
      return await rig[w.who].write(rig.cluster, guard(from), to, ['v1', 'v2', 'v3']);
    }),
  );
  const winners = puts.flatMap((put, i) => (put === 'ok' ? [i] : []));
  expect(winners).toHaveLength(fits.includes(true) ? 1 : 0);
  expect(puts.every((put, i) => (put === 'ok' ? fits[i] : put === 'stale'))).toBe(true);
  const seen = await stateOf(rig.b, rig.cluster);
  const won = writers[winners[0] ?? -1];
  if (won === undefined) expect(seen).toEqual(now);
  else expect(seen).toMatchObject({ live: won.live, vote: won.vote, fence: now.fence + 1 });
  if (won !== undefined) past.push(seen);
  if (rig.hands !== undefined) expect(await rig.hands.serves()).toEqual([expect.stringContaining(seen.live)]);
}
