import type { Change, Effect, Op, Resource, World } from '../model.ts';

/** The world with changes of one decision on top; what `decide` works on. */
export interface Draft {
  readonly world: World;
  readonly changes: Change[];
  readonly effects: Effect[];
  put(r: Resource): void;
  gone(key: string): void;
  op(o: Op): void;
  /** How often `name` was drawn before. */
  count(name: string): number;
}

export function draftOf(world: World): Draft {
  const resources = new Map(world.resources);
  const ops = new Map(world.ops);
  const counters = new Map(world.counters);
  const changes: Change[] = [];
  return {
    world: { setting: world.setting, resources, ops, counters },
    changes,
    effects: [],
    put: (value) => {
      resources.set(value.key, value);
      changes.push({ kind: 'resource', value });
    },
    gone: (key) => {
      if (resources.delete(key)) changes.push({ kind: 'gone', key });
    },
    op: (value) => {
      ops.set(value.id, value);
      changes.push({ kind: 'op', value });
    },
    count: (name) => {
      const n = counters.get(name) ?? 0;
      counters.set(name, n + 1);
      changes.push({ kind: 'counter', name, n: n + 1 });
      return n;
    },
  };
}

/** The world after `changes`. */
export function applyChanges(world: World, changes: readonly Change[]): World {
  if (changes.length === 0) return world;
  const resources = new Map(world.resources);
  const ops = new Map(world.ops);
  const counters = new Map(world.counters);
  for (const c of changes) {
    if (c.kind === 'resource') resources.set(c.value.key, c.value);
    else if (c.kind === 'gone') resources.delete(c.key);
    else if (c.kind === 'op') ops.set(c.value.id, c.value);
    else if (c.kind === 'opGone') ops.delete(c.id);
    else counters.set(c.name, c.n);
  }
  return { setting: world.setting, resources, ops, counters };
}

export const emptyWorld = (setting: World['setting']): World => ({
  setting,
  resources: new Map(),
  ops: new Map(),
  counters: new Map(),
});
