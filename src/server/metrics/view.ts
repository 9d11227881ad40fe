import type { Measured } from '../../commands/index.ts';
import { phaseOf } from '../machine/releases.ts';
import type { Sample } from './definitions.ts';

/** Of the document of `tw status` what is measured. */
export interface StatusData {
  clusters: readonly { name: string; reachable: boolean }[];
  state: readonly {
    app: string;
    mode: string;
    home: string | null;
    clusters: readonly { name: string; lagMs?: number; epoch?: number }[];
  }[];
}
type Host = Measured['traffic'][number];

/** Clusters and shared state. */
export function statusSamples({ clusters, state }: StatusData): Sample[] {
  const up = clusters.map(
    (c): Sample => ({ name: 'cluster_up', labels: { cluster: c.name }, value: c.reachable ? 1 : 0 }),
  );
  const stores = state.flatMap((f) =>
    f.clusters.flatMap((c): Sample[] => {
      const labels = { app: f.app, cluster: c.name };
      return [
        ...(f.mode === 'active-active'
          ? []
          : [{ name: 'state_home', labels, value: f.home === c.name ? 1 : 0 } as const]),
        ...(c.lagMs === undefined ? [] : [{ name: 'state_lag_seconds', labels, value: c.lagMs / 1000 } as const]),
        ...(c.epoch === undefined ? [] : [{ name: 'state_epoch', labels, value: c.epoch } as const]),
      ];
    }),
  );
  return [...up, ...stores];
}

/** Share of each cluster over all cells, and the mean round trip of those whose way is measured. */
function shares({ app, cells }: Host): Sample[] {
  const sums = new Map<string, { share: number; timed: number; ms: number }>();
  for (const { cluster, share, rttMs } of cells.flatMap((c) => c.to)) {
    const s = sums.get(cluster) ?? { share: 0, timed: 0, ms: 0 };
    const timed = rttMs === undefined ? 0 : share;
    sums.set(cluster, { share: s.share + share, timed: s.timed + timed, ms: s.ms + timed * (rttMs ?? 0) });
  }
  return [...sums].flatMap(([cluster, s]): Sample[] => {
    const labels = { app, cluster };
    return [
      { name: 'traffic_share_ratio', labels, value: s.share / cells.length },
      ...(s.timed === 0 ? [] : [{ name: 'traffic_rtt_seconds', labels, value: s.ms / s.timed / 1000 } as const]),
    ];
  });
}

/** The nameservers serve all hosts: every host has the same counts. */
const answers = ([first]: readonly Host[]): Sample[] =>
  Object.entries(first?.answers ?? {}).flatMap(([cluster, codes]) =>
    Object.entries(codes).map(
      ([code, n]): Sample => ({ name: 'dns_answers_total', labels: { cluster, code }, value: n }),
    ),
  );

function locks({ line, barriers }: Measured): Sample[] {
  const held = [
    ...line.filter((p) => p.state === 'runs').map((p) => ({ app: p.app ?? '', verb: p.verb })),
    ...barriers.flatMap((b) => (b.apps ?? ['']).map((app) => ({ app, verb: b.kind }))),
  ];
  const counts = Map.groupBy(held, (h) => `${h.app} ${h.verb}`);
  return [...counts.values()].flatMap((same): Sample[] =>
    same[0] === undefined ? [] : [{ name: 'lock_held', labels: same[0], value: same.length }],
  );
}

/** Traffic, releases, locks. */
export const measuredSamples = (m: Measured): Sample[] => [
  ...m.traffic.flatMap(shares),
  ...answers(m.traffic),
  ...m.releases.map((r): Sample => ({ name: 'release_phase', labels: { app: r.app, phase: phaseOf(r) }, value: 1 })),
  ...locks(m),
];
