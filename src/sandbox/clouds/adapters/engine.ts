import { type Clock, systemClock } from '../../../kernel/index.ts';
import type { Machines } from '../../machines.ts';
import { applyChanges } from '../machine/draft.ts';
import { decide } from '../machine/decide.ts';
import { resume } from '../machine/resume.ts';
import type { Chaos, CloudError, Effect, Input, Outcome, World } from '../model.ts';
import { loadChaos, type WorldStore } from './store.ts';

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
  readonly store: WorldStore;
  readonly machines: Machines;
}

const message = (e: unknown): string => (e instanceof Error ? e.message : String(e));

export function createEngine(o: EngineOptions): Engine {
  const clock = o.clock ?? systemClock;
  const log = o.log ?? (() => undefined);
  let world = o.store.load(o.setting);
  let chaos = loadChaos(o.store);
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const waiters = new Map<string, (() => void)[]>();
  const pending = new Set<Promise<void>>();

  const commit = (out: Pick<Outcome, 'changes' | 'effects'>): void => {
    o.store.save(out.changes);
    world = applyChanges(world, out.changes);
    for (const e of out.effects) perform(e);
    for (const c of out.changes) if (c.kind === 'op' && c.value.phase !== 'running') wake(`idle ${c.value.target}`);
    schedule();
  };
  const wake = (key: string): void => {
    for (const f of waiters.get(key) ?? []) f();
    waiters.delete(key);
  };
  const wait = (key: string): Promise<void> =>
    new Promise((resolve) => {
      waiters.set(key, [...(waiters.get(key) ?? []), resolve]);
    });
  const submit = (input: Input): { op?: string; error?: CloudError } => {
    if (closed) return { error: { status: 503, code: 'Closed', message: 'the clouds are going down' } };
    const out = decide(world, input, chaos, clock.now());
    commit(out);
    return { ...(out.op === undefined ? {} : { op: out.op }), ...(out.error ? { error: out.error } : {}) };
  };
  const perform = (e: Effect): void => {
    if (e.do === 'answer') {
      wake(`op ${e.op}`);
      return;
    }
    const work = outside(o.machines, e)
      .then((input) => void (input && submit(input)))
      .catch((cause: unknown) => {
        log(`${e.do} failed: ${message(cause)}`);
        if ('op' in e && e.op) submit({ kind: 'broken', op: e.op, why: message(cause) });
      })
      .finally(() => pending.delete(work));
    pending.add(work);
  };
  const schedule = (): void => {
    clearTimeout(timer);
    const next = nextDue(world);
    if (closed || next === undefined) return;
    timer = setTimeout(() => void submit({ kind: 'tick' }), Math.max(0, Math.min(next - clock.now(), 60_000)));
  };

  const again = resume(world);
  commit(again);
  return {
    world: () => world,
    chaos: () => chaos,
    setChaos: (list) => {
      chaos = list.filter((c) => c.what !== 'drift');
      o.store.set('chaos', JSON.stringify(chaos));
      for (const c of list) if (c.what === 'drift') submit({ kind: 'drift', where: c.where, args: c.args });
    },
    submit,
    settled: (op) => {
      const known = world.ops.get(op);
      return known === undefined || known.phase !== 'running' || known.caller === 'gone'
        ? Promise.resolve()
        : wait(`op ${op}`);
    },
    idle: async (key) => {
      while (!closed && [...world.ops.values()].some((op) => op.target === key && op.phase === 'running'))
        await wait(`idle ${key}`);
    },
    now: () => clock.now(),
    close: async () => {
      closed = true;
      clearTimeout(timer);
      for (const key of waiters.keys()) wake(key);
      await Promise.allSettled(pending);
    },
    store: o.store,
    machines: o.machines,
  };
}

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
async function outside(m: Machines, e: Exclude<Effect, { do: 'answer' }>): Promise<Input | undefined> {
  switch (e.do) {
    case 'boot': {
      const access = await m.boot(e.seed);
      return e.op ? { kind: 'booted', op: e.op, access } : undefined;
    }
    case 'addNode': {
      const { ip } = await m.addNode(e.id, e.node);
      return { kind: 'stepped', op: e.op, key: e.key, ip };
    }
    case 'removeNode':
      await m.removeNode(e.id, e.name);
      return e.op ? { kind: 'stepped', op: e.op } : undefined;
    case 'remove':
      await m.remove(e.id);
      return e.op ? { kind: 'stepped', op: e.op } : undefined;
    case 'vip':
      await m.vip(e.vip);
      return e.op ? { kind: 'stepped', op: e.op } : undefined;
    case 'vipGone':
      await m.vipGone(e.ip);
      return undefined;
  }
}
