import type { Outputs } from '../infra/index.ts';
import { fault, type Problem } from '../kernel/index.ts';
import type { Engine, StateCluster, StateFacts } from './ports.ts';

/** Copies in step in clusters that stay, the least behind first. */
const heirs = (f: StateFacts, leaving: readonly string[]): string[] =>
  f.clusters
    .filter((s) => s.role === 'copy' && !leaving.includes(s.name))
    .toSorted((a, b) => (a.lagMs ?? 0) - (b.lagMs ?? 0))
    .map((s) => s.name);

async function homesIn(e: Engine, cluster: string, outputs: Outputs): Promise<StateFacts[]> {
  if (!e.state.shared) return [];
  return (await e.state.look(outputs)).filter((f) => f.home === cluster);
}

const HAS: ReadonlySet<StateCluster['role']> = new Set(['home', 'copy', 'open']);

export interface Leaving {
  cluster: string;
  /** All that go at once. */
  leaving: readonly string[];
  /** What cannot be asked is given up. */
  skipDrain: boolean;
}

/** In step, or on the way to a new home that somebody can be. */
const isLeft = (f: StateFacts, s: StateCluster): boolean =>
  HAS.has(s.role) || (s.role === 'fenced' && f.home === null && f.ballot?.waits === undefined);

/** Nothing is lost with it: it has no copy, is gone already while others have a home, or is given up. */
function isFree(f: StateFacts, x: Leaving): boolean {
  const here = f.clusters.find((s) => s.name === x.cluster && s.role !== 'gateway');
  const active = f.mode === 'active-active';
  if (here === undefined || (!active && f.epoch === null)) return true;
  return here.role === 'unknown' && (active || f.home !== null || x.skipDrain);
}

/** Why the copy of this app there must not go: too few that are in step would be left. Undefined: it may. */
function neededFor(f: StateFacts, x: Leaving): string | undefined {
  if (isFree(f, x)) return undefined;
  const copies = f.clusters.filter((s) => s.role !== 'gateway');
  const left = copies.filter((s) => isLeft(f, s) && !x.leaving.includes(s.name)).map((s) => s.name);
  const enough = f.mode === 'active-active' ? 1 : Math.floor(copies.length / 2) + 1;
  if (left.length >= enough) return undefined;
  return `${f.app}: ${enough} of its ${copies.length} copies are needed, in step and in clusters that stay: ${left.join(', ') || 'none'}`;
}

/** Who could have the copy in its place. */
const heir = (e: Engine, f: StateFacts, leaving: readonly string[]): string | undefined =>
  e.config.clusters
    .map((c) => c.name)
    .find((c) => !leaving.includes(c) && f.clusters.every((s) => s.name !== c || s.role === 'gateway'));

/** TW5150: the copies in a cluster that must not go, and what to say instead. */
export async function neededHere(e: Engine, x: Leaving, outputs: Outputs): Promise<Problem | undefined> {
  if (!e.state.shared) return undefined;
  const needed = (await e.state.look(outputs)).flatMap((f) => {
    const why = neededFor(f, x);
    return why === undefined ? [] : [{ f, why }];
  });
  if (needed.length === 0) return undefined;
  const moves = needed.flatMap(({ f }) => {
    const to = f.home === null ? undefined : heir(e, f, x.leaving);
    const command = `tw state add-voter ${to} --instead-of ${x.cluster} --app ${f.app}`;
    return to === undefined ? [] : [{ say: `Let ${to} take over its copy first:`, command }];
  });
  return fault('TW5150', {
    value: x.cluster,
    where: [{ cluster: x.cluster }],
    why: needed.map((n) => n.why),
    fix: [
      ...moves,
      { say: 'Bring the other copies in step:', command: 'tw state status' },
      { say: 'Is all of the fleet to go, say so:', command: 'tw down' },
      ...(needed.every(({ f }) => isFree(f, { ...x, skipDrain: true }))
        ? [{ say: 'Or give up for good what only it has:', command: `tw down --on ${x.cluster} --skip-drain` }]
        : []),
    ],
  }).problem;
}

/**
 * Moves every home out of a cluster that is about to go. A move that does not succeed stops nothing: what was confirmed
 * is in another cloud as well, and a failover brings it to light, only later.
 */
export async function handOver(
  e: Engine,
  x: { cluster: string; leaving: readonly string[]; signal: AbortSignal },
  outputs: Outputs,
): Promise<void> {
  for (const f of await homesIn(e, x.cluster, outputs)) {
    for (const to of heirs(f, x.leaving)) {
      const moved = await e.state.move({ app: f.app, to }, outputs, x.signal).catch(() => undefined);
      if (moved !== undefined) break;
    }
  }
}
