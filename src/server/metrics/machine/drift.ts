import type { Fact } from '../../../kernel/index.ts';
import type { AppliedFact } from '../../machine/roots.ts';
import type { Sample } from '../definitions.ts';

interface Differs {
  infra: number;
  apps: Readonly<Record<string, number>>;
}
interface PlanFact {
  /** null: the cluster could not be planned. */
  differs: Readonly<Record<string, Differs | null>>;
}

/** What differs from the config, as the last plan found it; what was made since as configured does not any more. */
export function driftOf(): { hear(f: Fact): void; samples(): Sample[] } {
  const clusters = new Map<string, Differs>();
  const change = (cluster: string, to: (d: Differs) => Differs): void => {
    const d = clusters.get(cluster);
    if (d !== undefined) clusters.set(cluster, to(d));
  };
  const planned = (p: PlanFact): void => {
    for (const [cluster, d] of Object.entries(p.differs))
      if (d === null) clusters.delete(cluster);
      else clusters.set(cluster, d);
  };
  const built = (cluster: string, { state }: { state?: string }): void => {
    if (state === 'ready') change(cluster, (d) => ({ ...d, infra: 0 }));
    if (state === 'gone') clusters.delete(cluster);
  };
  const made = (cluster: string, { app, step }: AppliedFact): void => {
    if (step === 'sealed') change(cluster, (d) => ({ ...d, apps: { ...d.apps, [app]: 0 } }));
  };
  return {
    hear: ({ kind, cluster = '', data }) => {
      if (kind === 'command.plan') planned(data as unknown as PlanFact);
      if (kind === 'infra.state') built(cluster, data as { state?: string });
      if (kind === 'fleet.applied') made(cluster, data as unknown as AppliedFact);
    },
    samples: () =>
      [...clusters].map(([cluster, d]) => ({
        name: 'drift_objects',
        labels: { cluster },
        value: d.infra + Object.values(d.apps).reduce((n, m) => n + m, 0),
      })),
  };
}
