import { type Clock, systemClock } from '../../../kernel/index.ts';
import type { Machines } from '../../machines.ts';
import { decide } from '../machine/decide.ts';
import { applyChanges } from '../machine/draft.ts';
import { resume } from '../machine/resume.ts';
import type { Chaos, CloudError, Effect, Input, Outcome, World } from '../model.ts';
import { DiskFull, loadChaos, type WorldStore } from './store.ts';

export interface EngineOptions {
  store: WorldStore;
  machines: Machines;
  setting: World['setting'];
  clock?: Clock;
  /** One line per event for the process's log. */
  log?: (line: string) => void;
}

/** The running world: feeds `decide`, keeps the result, does the effects. */
export interface Engine {
  world(): World;
  chaos(): Chaos[];
  /** The chaos in force from now on, as a whole; `drift` entries are done at once and not kept. */
  setChaos(list: Chaos[]): void;
  submit(input: Input): { op?: string; error?: CloudError };
  /** Resolves when the operation's caller gets its answer. */
  settled(op: string): Promise<void>;
  /** Resolves when no operation runs on the object. */
  idle(key: string): Promise<void>;
  now(): number;
  close(): Promise<void>;
}

type Outside = Exclude<Effect, { do: 'answer' }>;

const message = (e: unknown): string => (e instanceof Error ? e.message : String(e));

/** What the work says, or why it failed. */
function failureOf(work: () => string | undefined): string | undefined {
  try {
    return work();
  } catch (e) {
    return message(e);
  }
}

/** Who waits for what: keys `op <id>` and `idle <resource>`. */
function createWaiters() {
  const waiting = new Map<string, (() => void)[]>();
  const wake = (key: string): void => {
    for (const f of waiting.get(key) ?? []) f();
    waiting.delete(key);
  };
  return {
    wake,
    wakeAll: () => [...waiting.keys()].forEach(wake),
    wait: (key: string): Promise<void> =>
      new Promise((resolve) => {
        waiting.set(key, [...(waiting.get(key) ?? []), resolve]);
      }),
  };
}

/** A failing disk must not end the process: it is tried again after this. */
const RETRY_MS = 1000;
const FULL = 'TW9042';

/** The refusal, when there was no room to write; other failures are thrown on. */
function unwritten(work: () => void): CloudError | undefined {
  try {
    work();
    return undefined;
  } catch (cause) {
    if (!(cause instanceof DiskFull)) throw cause;
    return { status: 503, code: FULL, message: cause.message };
  }
}

/** Does effects, brings their news; nodes wait for the boot of their cluster that is under way. */
function createHands(o: EngineOptions, submit: Engine['submit']) {
  const clock = o.clock ?? systemClock;
  /** What has happened to a machine is told until it can be written. */
  const tell = async (input: Input): Promise<void> => {
    while (submit(input).error?.code === FULL) await clock.sleep(RETRY_MS);
  };
  const pending = new Set<Promise<void>>();
  const boots = new Map<string, Promise<void>>();
  const log = o.log ?? (() => undefined);
  const run = async (e: Outside): Promise<void> => {
    try {
      if (e.do === 'addNode') await boots.get(e.id);
      const news = await outside(o.machines, e);
      if (news) await tell(news);
    } catch (cause) {
      log(`${e.do} failed: ${message(cause)}`);
      if ('op' in e && e.op) await tell({ kind: 'broken', op: e.op, why: message(cause) });
    }
  };
  return {
    perform: (e: Outside): void => {
      const work = run(e).finally(() => pending.delete(work));
      pending.add(work);
      if (e.do === 'boot') boots.set(e.seed.id, work);
    },
    settle: () => Promise.allSettled(pending),
  };
}

export function createEngine(o: EngineOptions): Engine {
  const clock = o.clock ?? systemClock;
  const waiters = createWaiters();
  let world = o.store.load(o.setting);
  let chaos = loadChaos(o.store);
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const commit = (out: Pick<Outcome, 'changes' | 'effects'>): void => {
    o.store.save(out.changes);
    world = applyChanges(world, out.changes);
    for (const e of out.effects) if (e.do !== 'answer') hands.perform(e);
    for (const key of news(out)) waiters.wake(key);
    schedule(nextDue(world));
  };
  const submit: Engine['submit'] = (input) => {
    if (closed) return { error: { status: 503, code: 'Closed', message: 'the clouds are going down' } };
    const { op, error, ...out } = decide(world, input, chaos, clock.now());
    const full = unwritten(() => commit(out));
    if (full !== undefined) return { error: full };
    return { ...(op === undefined ? {} : { op }), ...(error ? { error } : {}) };
  };
  const hands = createHands(o, submit);
  const tick = (): void => {
    const cause = failureOf(() => submit({ kind: 'tick' }).error?.message);
    if (cause === undefined) return;
    o.log?.(`the world could not be written: ${cause}`);
    schedule(clock.now() + RETRY_MS);
  };
  const schedule = (at: number | undefined): void => {
    clearTimeout(timer);
    if (closed || at === undefined) return;
    timer = setTimeout(tick, Math.max(0, Math.min(at - clock.now(), 60_000)));
  };
  commit(resume(world));
  return {
    world: () => world,
    chaos: () => chaos,
    setChaos: (list) => {
      chaos = list.filter((c) => c.what !== 'drift');
      o.store.set('chaos', JSON.stringify(chaos));
      for (const c of list) if (c.what === 'drift') submit({ kind: 'drift', where: c.where, args: c.args });
    },
    submit,
    settled: async (id) => {
      const op = world.ops.get(id);
      if (op?.phase === 'running' && op.caller === 'waiting') await waiters.wait(`op ${id}`);
    },
    idle: async (key) => {
      while (!closed && runs(world, key)) await waiters.wait(`idle ${key}`);
    },
    now: () => clock.now(),
    close: async () => {
      closed = true;
      clearTimeout(timer);
      waiters.wakeAll();
      await hands.settle();
    },
  };
}

/** Keys of those who may go on after a decision. */
const news = (out: Pick<Outcome, 'changes' | 'effects'>): string[] => [
  ...out.effects.flatMap((e) => (e.do === 'answer' ? [`op ${e.op}`] : [])),
  ...out.changes.flatMap((c) => (c.kind === 'op' && c.value.phase !== 'running' ? [`idle ${c.value.target}`] : [])),
];

const runs = (world: World, key: string): boolean =>
  [...world.ops.values()].some((op) => op.target === key && op.phase === 'running');

/** The next moment at which an operation can change by time alone. */
function nextDue(world: World): number | undefined {
  let next: number | undefined;
  for (const op of world.ops.values()) {
    if (op.phase !== 'running') continue;
    const times = [
      op.waitsFor > 0 && !op.failure ? undefined : op.dueAt,
      op.caller === 'waiting' ? op.timeoutAt : undefined,
    ];
    for (const t of times) if (t !== undefined && (next === undefined || t < next)) next = t;
  }
  return next;
}

/** One call to the machines; the news it brings, if anyone waits for it. */
async function outside(m: Machines, e: Outside): Promise<Input | undefined> {
  switch (e.do) {
    case 'boot': {
      const access = await m.boot(e.seed);
      return e.op ? { kind: 'booted', op: e.op, access } : undefined;
    }
    case 'addNode': {
      const { ip } = await m.addNode(e.id, e.node);
      return { kind: 'stepped', op: e.op, key: e.key, ip };
    }
    case 'vipGone':
      await m.vipGone(e.ip);
      return undefined;
    case 'removeNode':
      await m.removeNode(e.id, e.name);
      break;
    case 'remove':
      await m.remove(e.id);
      break;
    case 'vip':
      await m.vip(e.vip);
      break;
  }
  return e.op ? { kind: 'stepped', op: e.op } : undefined;
}
