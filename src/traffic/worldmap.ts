import type { ClusterName } from '../kernel/index.ts';
import { worldFrom } from './ask.ts';
import { needCurrent, patienceOf, serversOf, type TrafficDeps } from './engine.ts';
import { healthIn, lookAt } from './holds.ts';
import { evaluate } from './machine/evaluate.ts';
import type { HealthView, Hold, Intent, LatLon, MapRow, Snapshot, World } from './model.ts';

/** Where the users of one prefix of the latency map go now. */
export interface Cell {
  prefix: string;
  place?: LatLon;
  to: { cluster: ClusterName; share: number; rttMs?: number }[];
  /** Round trip to each cluster, also to those that do not serve them; `samples` 0: by distance, not measured. */
  rtt: Record<ClusterName, { ms: number; samples: number }>;
}
export interface WorldMap {
  host: string;
  app: string;
  intent: Intent;
  cells: Cell[];
  holds: Hold[];
  health: HealthView;
  /** Answers of each nameserver since it started, by DNS response code. */
  answers: Record<ClusterName, Record<string, number>>;
  /** Nameservers that did not answer, with why. */
  silent: Record<ClusterName, string>;
}

type Candidates = ReturnType<typeof evaluate>['candidates'];

const rttOf = (all: Candidates): Cell['rtt'] =>
  Object.fromEntries(
    all.flatMap(({ cluster, rtt }) =>
      rtt === undefined ? [] : [[cluster, { ms: rtt.ms, samples: rtt.from === 'prefix' ? rtt.samples : 0 }]],
    ),
  );

function cellOf(world: World, host: string, row: MapRow): Cell {
  const source = row.prefix.split('/')[0] ?? '';
  const { candidates } = evaluate(world, { name: host, type: 'A', source });
  return {
    prefix: row.prefix,
    ...(row.place === undefined ? {} : { place: row.place }),
    to: candidates
      .filter((c) => c.share > 0)
      .map((c) => ({ cluster: c.cluster, share: c.share, ...(c.rtt === undefined ? {} : { rttMs: c.rtt.ms }) })),
    rtt: rttOf(candidates),
  };
}

function fold(s: Snapshot, world: World): Omit<WorldMap, 'silent' | 'health' | 'answers'>[] {
  return s.intents.map((i) => ({
    host: i.host,
    app: i.app,
    intent: i,
    cells: s.map.rows.map((row) => cellOf(world, i.host, row)),
    holds: s.holds,
  }));
}

const ANSWER = 'answer.';

/** The counters of a nameserver hold other things too: what it dropped, what it refused to read. */
const answersIn = (counters: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counters)
      .filter(([what]) => what.startsWith(ANSWER))
      .map(([what, n]) => [what.slice(ANSWER.length), n]),
  );

/** The world as it would be with this cluster drained. */
const drained = (world: World, cluster: ClusterName): World => ({
  ...world,
  holds: [...world.holds, { id: 'what-if', kind: 'drain', cluster, by: '', why: '', since: world.now }],
});

/**
 * Every known group of users and the clusters it is sent to, per host: the decision of the nameservers, by the health
 * they report; `without`: as if this cluster were drained. Throws TW4051.
 */
export async function worldMap(given: TrafficDeps, without?: ClusterName): Promise<WorldMap[]> {
  const deps = { ...given, patience: patienceOf(given) };
  const { snapshot } = await needCurrent(deps);
  const seen = await lookAt(deps, serversOf(snapshot));
  const world = worldFrom(snapshot, [...seen.views.values()], deps.clock.now());
  const answers = Object.fromEntries([...seen.views].map(([cluster, v]) => [cluster, answersIn(v.counters)]));
  const common = { health: healthIn(seen), answers, silent: Object.fromEntries(seen.errors) };
  return fold(snapshot, without === undefined ? world : drained(world, without)).map((m) => ({ ...m, ...common }));
}
