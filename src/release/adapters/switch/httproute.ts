import { dictOf, type KubeApi, KubeError, type KubeObject, type Ref, textOf } from '../../../fleet/index.ts';
import { type ClusterName, TwError } from '../../../kernel/index.ts';
import { type Reason, reasonOf, type SwitchState, type VersionId } from '../../model.ts';
import type { Guard, Put, Switch } from '../../ports.ts';
import { type ApiOf, dropOwn, GuardedObject, putOwn, sightOf } from './object.ts';
import { hasNotes, sayObject, type Target, toldBy, unsafe } from './plan/notes.ts';
import { backendReasons, type Found, gatewayReasons, ownerReasons, rivalReasons } from './plan/objections.ts';
import {
  GATEWAY_API,
  newRoute,
  previewRoute,
  type RouteShape,
  routeName,
  routePatch,
  routeState,
  routeTake,
  servesOf,
} from './plan/route.ts';

export interface RouteSwitch extends RouteShape {
  api: ApiOf;
  /** Slowest time until the gateway's proxies follow a write, in milliseconds. */
  lagMs: number;
  /** Value of the preview header of the present release. */
  secret(): string;
}

const ref = (s: RouteShape, name: string): Ref => ({
  group: GATEWAY_API,
  kind: 'HTTPRoute',
  namespace: s.namespace,
  name,
});

/** A cluster without the Gateway API certainly has no route. */
function noGateway(e: unknown): undefined {
  if (e instanceof KubeError && e.reason === 'NoKindMatch') return undefined;
  throw e;
}

/** The weights of an HTTPRoute: the next request goes to the new version, also on a connection that is open. */
export function httpRouteSwitch(x: RouteSwitch): Switch {
  const names = routeName(x);
  const object = new GuardedObject(x.api, ref(x, names.live));
  const preview = ref(x, names.preview);
  return {
    fenced: true,
    refuse: (c) => refuse(x, c),
    read: async (c) => {
      const o = await object.read(c).catch(noGateway);
      return o === undefined ? undefined : routeState(x, { cluster: c, object: o }).state;
    },
    create: (c, live) => object.create(c, newRoute(x, live)),
    write: (c, from: Guard, to: Target, keep): Promise<Put> =>
      object.write(c, from, to, {
        state: (at): SwitchState => routeState(x, at).state,
        patch: (at) => routePatch(x, at, to, keep),
      }),
    inspect: async (c, versions) => {
      const o = await object.read(c).catch(noGateway);
      if (o === undefined) return undefined;
      const at = { cluster: c, object: o };
      const known = [...new Set([...toldBy(o).versions, ...versions])];
      return sightOf(at, servesOf(x, o, known), (a) => routeState(x, a).state);
    },
    adopt: (c, from, to, keep) => object.take(c, from, (at) => routeTake(x, at, to, keep)),
    preview: async (c, version) => {
      const o = await object.read(c);
      const live =
        o === undefined ? undefined : { route: o, versions: routeState(x, { cluster: c, object: o }).versions };
      await putOwn({ api: x.api(c), cluster: c, app: x.app, ref: preview }, previewRoute(x, version, x.secret(), live));
    },
    unpreview: (c) => dropOwn({ api: x.api(c), app: x.app, ref: preview }),
    lagMs: () => x.lagMs,
  };
}

/** `undefined` = the Gateway API is not installed. */
async function find(api: KubeApi, x: RouteShape): Promise<Found | undefined> {
  try {
    const gateway = await api.get({ group: GATEWAY_API, kind: 'Gateway', ...x.gateway });
    const name = textOf(dictOf(gateway?.['spec'])['gatewayClassName']);
    return {
      gateway,
      class: name === undefined ? undefined : await api.get({ group: GATEWAY_API, kind: 'GatewayClass', name }),
      routes: await api.list({ group: GATEWAY_API, kind: 'HTTPRoute' }, {}),
    };
  } catch (e) {
    if (e instanceof KubeError && e.reason === 'NoKindMatch') return undefined;
    throw e;
  }
}

async function refuse(x: RouteSwitch, c: ClusterName): Promise<readonly Reason[]> {
  const api = x.api(c);
  const found = await find(api, x);
  if (found === undefined)
    return [unsafe(c, 'the Gateway API', 'its definitions are not installed', 'run "tw up", or use driver service')];
  const own = found.routes.find((o) => o.metadata.namespace === x.namespace && o.metadata.name === x.app);
  const { reasons, versions } = own === undefined ? { reasons: [], versions: [] } : ownReasons(x, c, own);
  const services = await api.list({ group: '', kind: 'Service' }, { namespace: x.namespace });
  const [live] = versions;
  return [
    ...gatewayReasons(c, x, found),
    ...reasons,
    ...rivalReasons(c, x, found, versions),
    ...(live === undefined ? [] : backendReasons(c, x, live, services)),
  ];
}

/** Objections to the switch itself, and the versions it knows, the live one first. */
function ownReasons(
  x: RouteShape,
  c: ClusterName,
  object: KubeObject,
): { reasons: Reason[]; versions: readonly VersionId[] } {
  const owners = ownerReasons(c, object, ['spec', 'rules']);
  if (!hasNotes(object)) {
    const fix = 'rename or delete it: the switch needs this name';
    return { reasons: [unsafe(c, sayObject(object), 'is not Tradewind’s', fix), ...owners], versions: [] };
  }
  try {
    return { reasons: owners, versions: routeState(x, { cluster: c, object }).versions };
  } catch (e) {
    if (!(e instanceof TwError)) throw e;
    return { reasons: [reasonOf(e.problem, c), ...owners], versions: [] };
  }
}
