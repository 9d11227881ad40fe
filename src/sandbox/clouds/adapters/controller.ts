import type { Hono } from 'hono';
import { balancerOf, clusterById, ingressOf } from '../machine/balancer.ts';
import type { BalancerWish, CloudError } from '../model.ts';
import { str } from '../values.ts';
import type { Engine } from './engine.ts';

type Loose = { [K in keyof BalancerWish]?: BalancerWish[K] | null };

/** Go sends null for empty lists and maps. */
function wishOf(b: Loose): BalancerWish {
  return {
    namespace: b.namespace ?? '',
    name: b.name ?? '',
    annotations: b.annotations ?? {},
    ports: b.ports ?? [],
    nodes: (b.nodes ?? []).toSorted((x, y) => x.name.localeCompare(y.name)),
    localTraffic: b.localTraffic ?? false,
    healthCheckNodePort: b.healthCheckNodePort ?? 0,
    loadBalancerIP: b.loadBalancerIP ?? '',
  };
}

export const refusal = (e: CloudError): [{ code: string; message: string }, 400 | 404 | 409 | 500 | 503] => {
  const status = ([400, 404, 409, 500, 503] as const).find((s) => s === e.status) ?? 500;
  return [{ code: e.code, message: e.message }, status];
};

/** Routes of the clusters' cloud controllers: /cc/<clusterId>/… */
export function controllerRoutes(app: Hono, engine: Engine): void {
  app.put('/cc/:cluster/loadbalancers/:uid', async (c) => {
    const { cluster, uid } = c.req.param();
    const wish = wishOf((await c.req.json()) as Loose);
    const { op, error } = engine.submit({ kind: 'balance', cluster, uid, wish });
    if (error) return c.json(...refusal(error));
    if (op !== undefined) await engine.settled(op);
    const failed = op === undefined ? undefined : engine.world().ops.get(op)?.error;
    const made = balancerOf(engine.world(), cluster, uid);
    if (failed || !made)
      return c.json(
        ...refusal(failed ?? { status: 409, code: 'Deleted', message: 'the load balancer was deleted meanwhile' }),
      );
    return c.json({ ingress: ingressOf(made) });
  });
  app.get('/cc/:cluster/loadbalancers/:uid', (c) => {
    const { cluster, uid } = c.req.param();
    const found = balancerOf(engine.world(), cluster, uid);
    return found && found.phase !== 'deleting'
      ? c.json({ ingress: ingressOf(found) })
      : c.json({ code: 'NotFound', message: 'no such load balancer' }, 404);
  });
  app.delete('/cc/:cluster/loadbalancers/:uid', async (c) => {
    const { cluster, uid } = c.req.param();
    const { op, error } = engine.submit({ kind: 'unbalance', cluster, uid });
    if (error) return c.json(...refusal(error));
    if (op !== undefined) await engine.settled(op);
    return balancerOf(engine.world(), cluster, uid) ? c.json({ retry: true }, 202) : c.json({});
  });
  app.put('/cc/:cluster/volumes/:name', async (c) => {
    const { cluster, name } = c.req.param();
    const { gib = 1, zone = '' } = (await c.req.json()) as { gib?: number; zone?: string };
    const { error } = engine.submit({ kind: 'volume', cluster, wish: { name, gib, zone } });
    return error ? c.json(...refusal(error)) : c.json({ name });
  });
  app.get('/cc/:cluster/instances', (c) => {
    const id = c.req.query('providerId') ?? '';
    const { cluster } = c.req.param();
    if (!clusterById(engine.world(), cluster))
      return c.json({ code: 'ClusterNotFound', message: `no cluster ${cluster}` }, 404);
    const found = [...engine.world().resources.values()].find(
      (r) => r.hidden.providerId === id && r.hidden.cluster === cluster,
    );
    if (!found || found.phase === 'deleting')
      return c.json({ exists: false, shutdown: false, instanceType: '', zone: '', region: '', addresses: [] });
    const ip = str(found.hidden.nodeIp);
    return c.json({
      exists: true,
      shutdown: false,
      instanceType: str(found.hidden.instanceType),
      zone: str(found.hidden.zone),
      region: found.region,
      addresses: [
        ...(ip ? [{ type: 'InternalIP', address: ip }] : []),
        { type: 'Hostname', address: str(found.hidden.node) },
      ],
    });
  });
}
