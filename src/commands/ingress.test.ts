import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fault, manualClock, memoryStore, type StoreFault, StoreWorld } from '../kernel/index.ts';
import { accountOf } from './access/model.ts';
import { verify } from './book/audit.ts';
import { Desk } from './desk.ts';
import { COMMANDS } from './table.ts';

const MESSAGES = 8;

/** What the world saw of each message, over all processes. */
class Seen {
  readonly store = new StoreWorld();
  readonly ran = new Map<string, number>();
  readonly told = new Map<string, Set<string>>();
  readonly taken = new Map<number, string>();
  ids = 0;
}

/** One process: it dies at a call of its store, before the call, or after its effect and before its answer. */
class Process {
  readonly desk: Desk;
  #left = Number.POSITIVE_INFINITY;
  #how: StoreFault = 'refused';
  #dead = false;

  constructor(seen: Seen) {
    const faults = (): StoreFault | undefined => {
      if (this.#dead) return 'refused';
      if (this.#left-- > 0) return undefined;
      this.#dead = true;
      return this.#how;
    };
    this.desk = new Desk({
      book: memoryStore(faults, seen.store),
      clock: manualClock(1_000_000),
      newId: () => `c${(seen.ids += 1)}`,
      grammar: async () => ({ table: COMMANDS, fleet: 'demo', apps: ['shop'], clusters: ['sao'] }),
      run: async (call) => {
        if (this.#dead) throw fault('TW1020');
        if (call.turn === 'check') return { data: {}, view: { at: 0, rows: [] } };
        const id = call.from?.command ?? '';
        seen.ran.set(id, (seen.ran.get(id) ?? 0) + 1);
        for (let i = 0; i < 5; i++) await Promise.resolve();
        return { data: {}, view: { at: 0, rows: [] } };
      },
      nameOf: async ({ identity }) => accountOf(identity),
      redact: async (line) => line,
      onCard: (card) => {
        if (!this.#dead && card.state === 'ended')
          seen.told.set(card.id, (seen.told.get(card.id) ?? new Set()).add(card.problem?.code ?? 'done'));
      },
    });
  }

  /** It dies at the n-th call of its store from now on. */
  dieAfter(calls: number, how: StoreFault): void {
    [this.#left, this.#how] = [calls, how];
  }
  get dead(): boolean {
    return this.#dead;
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), message: fc.nat({ max: MESSAGES - 1 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('die' as const),
      calls: fc.nat({ max: 24 }),
      how: fc.constantFrom<StoreFault>('refused', 'lost'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rest' as const), ticks: fc.nat({ max: 60 }) }) },
);
const LINES = ['release shop@v2 --yes', 'abort shop', 'promote shop --yes', 'freeze because "x"'];

/** The event id of a message, and the signature that every copy of it has anew. */
async function deliver(seen: Seen, p: Process, message: number): Promise<void> {
  const keys = [`event ${message}`, `signature ${(seen.ids += 1)}`];
  const caller = { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'U1' } };
  const line = LINES[message % LINES.length] ?? '';
  const taken = p.desk.submit({ keys, line, caller, room: 'C1', typedAt: 1_000_000 });
  await taken.then(
    ({ id }) => {
      expect(seen.taken.get(message) ?? id).toBe(id);
      seen.taken.set(message, id);
    },
    // Not acknowledged: the platform sends it again.
    () => undefined,
  );
}

type Step = typeof step extends fc.Arbitrary<infer V> ? V : never;

/** Plays the steps over one process after the other; how many messages were sent and how many processes died. */
async function played(seen: Seen, steps: readonly Step[]): Promise<{ deliveries: number; deaths: number }> {
  let [deliveries, deaths] = [0, 0];
  let p = new Process(seen);
  const going: Promise<void>[] = [];
  const send = (message: number): void => {
    deliveries += 1;
    going.push(deliver(seen, p, message));
  };
  for (const s of steps) {
    if (s.do === 'deliver') send(s.message);
    else if (s.do === 'die') p.dieAfter(s.calls, s.how);
    else for (let i = 0; i < s.ticks; i++) await Promise.resolve();
    if (!p.dead) continue;
    deaths += 1;
    p = new Process(seen);
    await p.desk.recover();
  }
  await Promise.all(going);
  await p.desk.idle();
  // The last process lives: it takes what is left, and every message once more.
  p = new Process(seen);
  await p.desk.recover();
  for (let m = 0; m < MESSAGES; m++) send(m);
  await Promise.all(going);
  await p.desk.idle();
  return { deliveries, deaths };
}

function checkNothingTwiceNothingLost(seen: Seen): void {
  expect(seen.taken.size).toBe(MESSAGES);
  const ids = [...seen.taken.values()];
  for (const id of ids) {
    expect(seen.ran.get(id) ?? 0, 'runs').toBeLessThanOrEqual(1);
    expect(seen.told.get(id), 'told').toBeDefined();
    // What never ran is told to be cut short and nothing else.
    if (!seen.ran.has(id)) expect([...(seen.told.get(id) ?? [])]).toEqual(['TW6403']);
  }
  expect([...seen.ran.keys()].filter((id) => !ids.includes(id))).toEqual([]);
}

it('10,000 deliveries of messages that are repeated, out of order and cut by crashes: none runs twice, none is lost', async () => {
  const sum = { deliveries: 0, deaths: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 12, maxLength: 40 }), async (steps) => {
      const seen = new Seen();
      const { deliveries, deaths } = await played(seen, steps);
      sum.deliveries += deliveries;
      sum.deaths += deaths;
      checkNothingTwiceNothingLost(seen);
      expect((await verify(memoryStore(undefined, seen.store))).broken).toBeUndefined();
    }),
    { numRuns: 600 },
  );
  expect(sum.deliveries).toBeGreaterThan(10_000);
  expect(sum.deaths).toBeGreaterThan(300);
}, 120_000);
