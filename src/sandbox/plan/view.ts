import type { ProcessView, SandboxView } from '../model.ts';

/** What the simulated machines do not do as real ones; said by `status`. */
export const DIFFERS: readonly string[] = [
  'pods are processes of this host: CPU limits are not enforced, memory limits are watched by polling',
  'no seccomp, no AppArmor, no NetworkPolicy, no SCTP, no terminal of a container itself (exec -it has one)',
  'images are recipes over files of this host, not layers from a registry',
  'etcd of the clusters does not fsync; a power cut of this machine may lose their last writes',
  'cloud operations run in compressed time; distance, jitter and loss are a simulated WAN',
];

/** Processes and start → one word, and why it is not `up`. */
export function stateOf(o: {
  processes: readonly ProcessView[];
  started: boolean;
  why: readonly string[];
}): Pick<SandboxView, 'state' | 'why'> {
  const ill = o.processes.filter((p) => p.state === 'failed' || p.state === 'backoff');
  const why = [
    ...o.why,
    ...ill.map((p) => `${p.name} ${p.state === 'failed' ? 'failed' : 'died'}: ${p.why ?? 'no words'}`),
  ];
  if (!o.started) return { state: o.why.length > 0 ? 'failed' : 'starting', why };
  return { state: why.length > 0 ? 'degraded' : 'up', why };
}

/** The view of a directory in which nothing runs, or whose supervisor is dead. */
export function restingView(o: { at: number; dir: string; id?: string; orphans: number }): SandboxView {
  const orphaned = o.orphans > 0;
  return {
    at: o.at,
    state: orphaned ? 'orphaned' : 'absent',
    why: orphaned ? [`TW9041 ${o.orphans} processes run without their supervisor; end them with tw sandbox down`] : [],
    dir: o.dir,
    ...(o.id === undefined ? {} : { id: o.id }),
    processes: [],
    links: [],
    chaos: [],
    chaosFaults: [],
    clusters: [],
    vips: [],
    doors: { pages: {} },
    users: [],
    differs: DIFFERS,
  };
}
