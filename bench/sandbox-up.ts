// The whole sandbox: time to the first user's answer, memory, idle processors, machines and pods.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openKubeconfig } from '../src/fleet/adapters/kube-client.ts';
import type { KubeApi, KubeObject } from '../src/fleet/index.ts';
import { cpuOf, inProcess, mb, median, ms, type Row, table } from './lib/measure.ts';
import { type Bench, HOST, processes, pssOf, supervisorLog, withSandbox } from './lib/sandbox.ts';

const IDLE_MS = 20_000;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** One visit from each region at the same time; the slowest counts, users wait for theirs. */
async function firstAnswers(b: Bench): Promise<number> {
  const { ms: took } = await inProcess(async () => {
    const visits = await b.port.visit({ host: HOST });
    const bad = visits.filter((v) => v.status !== 200);
    if (bad.length > 0) throw new Error(`no answer for users of ${bad.map((v) => v.from).join(', ')}`);
  });
  return took;
}

function memory(b: Bench): Row[] {
  const byRole = new Map<string, number[]>();
  for (const [pid, role] of processes(b)) byRole.set(role, [...(byRole.get(role) ?? []), pssOf(pid)]);
  const total = sum([...byRole.values()].flat());
  const parts = [...byRole]
    .map(([role, sizes]): [string, number[]] => [role, sizes])
    .toSorted((x, y) => sum(y[1]) - sum(x[1]))
    .map(([role, sizes]): Row => ({ name: `  ${role}`, ours: `${sizes.length} × ${mb(sum(sizes) / sizes.length)}` }));
  return [{ name: 'memory (PSS), all', ours: mb(total), goal: '≤ 2.5 GB' }, ...parts];
}

/** Processor use of everything while nobody visits; of processes that live through all of it. */
async function idle(b: Bench): Promise<Row[]> {
  const roles = processes(b);
  const before = [...roles.keys()].map((pid): [number, number | undefined] => [pid, cpuOf(pid)]);
  const began = performance.now();
  await delay(IDLE_MS);
  const over = performance.now() - began;
  const byRole = new Map<string, number>();
  for (const [pid, was] of before) {
    const now = cpuOf(pid);
    const role = roles.get(pid) ?? '';
    if (was !== undefined && now !== undefined) byRole.set(role, (byRole.get(role) ?? 0) + (now - was) / over);
  }
  const cores = (n: number): string => `${n.toFixed(3)} core`;
  const parts = [...byRole].toSorted((x, y) => y[1] - x[1]).slice(0, 5);
  return [
    { name: `idle over ${IDLE_MS / 1000} s`, ours: cores(sum([...byRole.values()])), goal: '≤ 0.5 core' },
    ...parts.map(([role, n]): Row => ({ name: `  ${role}`, ours: cores(n) })),
  ];
}

/** From the start of each control plane's process to /readyz, as the supervisor saw it. */
function controlPlanes(b: Bench): Row {
  const took = supervisorLog(b)
    .filter((l) => l.name.startsWith('cp-') && l.what === 'up')
    .map((l) => Number(/after (\d+) ms/.exec(l.detail)?.[1]));
  return {
    name: `control planes to /readyz, ${took.length} at once`,
    ours: took.map((t) => `${(t / 1000).toFixed(1)} s`).join(', '),
    goal: '≤ 12 s',
  };
}

interface Condition {
  type: string;
  status: string;
  lastTransitionTime: string;
}

/** From the start of the node's process to its Ready condition, which Kubernetes keeps in whole seconds. */
async function nodeReady(b: Bench, api: KubeApi, cluster: string): Promise<Row> {
  const [node] = await api.list({ group: '', kind: 'Node' }, {});
  const name = node?.metadata.name ?? '';
  const started = supervisorLog(b).find((l) => l.what === 'started' && l.name.endsWith(`-${name}`))?.at;
  const conditions = (node?.['status'] as { conditions?: Condition[] } | undefined)?.conditions ?? [];
  const ready = conditions.find((c) => c.type === 'Ready' && c.status === 'True')?.lastTransitionTime;
  const took = ready === undefined || started === undefined ? Number.NaN : Date.parse(ready) + 1000 - started;
  return { name: `node start to Ready (${cluster}, steps of 1 s)`, ours: `< ${ms(took)}`, goal: '≤ 2 s' };
}

const POD = { group: '', kind: 'Pod', namespace: 'default', name: 'bench' };
const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: POD.name, namespace: POD.namespace },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'redis', image: 'docker.io/library/redis:7.4', args: ['--port', '7000'] }],
  },
};

async function podRun(api: KubeApi): Promise<number> {
  const phase = async (): Promise<string | undefined> =>
    ((await api.get(POD))?.['status'] as { phase?: string } | undefined)?.phase;
  const { ms: took } = await inProcess(async () => {
    await api.apply(pod, { manager: 'tw-bench', dryRun: false, force: true, expect: 'any' });
    while ((await phase()) !== 'Running') await delay(20);
  });
  const uid = (await api.get(POD))?.metadata.uid ?? '';
  await api.remove(POD, { uid, cascade: 'background' });
  while ((await api.get(POD)) !== undefined) await delay(50);
  return took;
}

await withSandbox(async (b) => {
  const answer = await firstAnswers(b);
  // the cluster nearest to the operator, so that the WAN adds little
  const api = openKubeconfig({ kubeconfig: join(b.stateDir, 'kubeconfig'), context: 'mtl' });
  try {
    const rows: Row[] = [];
    if (b.up !== undefined) {
      rows.push({ name: 'tw up --sandbox, 3 clusters', ours: ms(b.up.ms), goal: '≤ 90 s to the first answer' });
      rows.push({ name: '  then to an answer in every region', ours: ms(answer) });
    }
    rows.push(controlPlanes(b), await nodeReady(b, api, 'mtl'));
    const pods = [await podRun(api), await podRun(api), await podRun(api), await podRun(api), await podRun(api)];
    rows.push({ name: 'pod create to Running (median of 5)', ours: ms(median(pods)), goal: '≤ 1 s' });
    rows.push(...memory(b), ...(await idle(b)));
    table('sandbox (simulated WAN)', rows, ['peer kind × 3: needs Docker, not measured here']);
  } finally {
    await api.close();
  }
});
