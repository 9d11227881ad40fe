import type { Hono } from 'hono';
import { spare } from '../machine/scaling.ts';
import type { CloudError, Demand, Input } from '../model.ts';
import { str } from '../values.ts';
import { refusal } from './controller.ts';
import type { Engine } from './engine.ts';

/** What a cluster's autoscaler sees (sandbox/internal/cloud/scale.go). */
interface Report {
  unschedulable?: Demand[] | null;
  /** Nodes that have joined. */
  ready?: string[] | null;
  /** Nodes that carry nothing: the answer says which of them may be drained. */
  empty?: string[] | null;
  /** Nodes that are drained and shall go. */
  drained?: string[] | null;
}
interface Scaled {
  error?: CloudError | undefined;
  reply: { added: string[]; removed: string[]; mayGo: string[] };
}

async function scale(engine: Engine, cluster: string, r: Report): Promise<Scaled> {
  const before = nodesOf(engine, cluster);
  const inputs: Input[] = [
    { kind: 'shrink', cluster, nodes: r.drained ?? [] },
    { kind: 'grow', cluster, unschedulable: r.unschedulable ?? [], ready: r.ready ?? [] },
  ];
  const answers = inputs.map((input) => engine.submit(input));
  const after = nodesOf(engine, cluster);
  const reply = {
    added: [...after].filter((n) => !before.has(n)),
    removed: [...before].filter((n) => !after.has(n)),
    mayGo: spare(engine.world(), cluster, r.empty ?? []).map((m) => str(m.hidden.node)),
  };
  const errors = await Promise.all(answers.map(async (a) => a.error ?? (await failureOf(engine, a.op))));
  return { error: errors.find((e) => e !== undefined), reply };
}

/** How the operation ended, when it ended badly. */
async function failureOf(engine: Engine, op: string | undefined): Promise<CloudError | undefined> {
  if (op === undefined) return undefined;
  await engine.settled(op);
  return engine.world().ops.get(op)?.error;
}

/** Names of the cluster's machines that are not on their way out. */
function nodesOf(engine: Engine, cluster: string): Set<string> {
  const own = [...engine.world().resources.values()].filter((m) => m.hidden.cluster === cluster && m.hidden.seed);
  return new Set(own.filter((m) => m.phase !== 'deleting').map((m) => str(m.hidden.node)));
}

/** Route of the clusters' autoscalers: /cc/<clusterId>/scale */
export function scaleRoute(app: Hono, engine: Engine): void {
  app.post('/cc/:cluster/scale', async (c) => {
    const { error, reply } = await scale(engine, c.req.param('cluster'), (await c.req.json()) as Report);
    return error ? c.json(...refusal(error)) : c.json(reply);
  });
}
