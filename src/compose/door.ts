import { type Config, isRouted } from '../config/index.ts';
import { type KubeApi, type LoadBalancer, loadBalancerAt, loadBalancers } from '../fleet/index.ts';

/** Where users of an app come in: the gateway's load balancer, or the app's own. Throws KubeError. */
export async function doorOf(
  config: Config,
  api: KubeApi,
  app: Config['apps'][number],
): Promise<LoadBalancer | undefined> {
  if (isRouted(app)) return await loadBalancerAt(api, config.gateway);
  return (await loadBalancers(api, app)).find((l) => l.service.name === app.traffic?.service);
}
