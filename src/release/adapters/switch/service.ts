import type { KubeObject, Ref } from '../../../fleet/index.ts';
import { type ClusterName, TwError } from '../../../kernel/index.ts';
import { type Reason, reasonOf, type VersionId } from '../../model.ts';
import type { Guard, Put, Switch } from '../../ports.ts';
import { type ApiOf, dropOwn, GuardedObject, putOwn, sightOf } from './object.ts';
import { type Target, VERSION_LABEL } from './plan/notes.ts';
import { balancerReasons, mixReasons, ownerReasons } from './plan/objections.ts';
import {
  broadSelector,
  isPlain,
  newSwitch,
  previewService,
  selected,
  servicePatch,
  serviceState,
  serviceTake,
  takePatch,
} from './plan/selector.ts';

export interface ServiceSwitch {
  app: string;
  namespace: string;
  /** Name of the Service that users reach. */
  service: string;
  /** The Service as rendered for a cluster: what `create` makes when there is none. */
  rendered(c: ClusterName): Promise<KubeObject>;
  api: ApiOf;
  lagMs: number;
  acceptLoss: boolean;
}

/** Swapping the targets of a load balancer that sends to pods directly takes this long. Milliseconds. */
const DIRECT_LAG_MS = 150_000;

/** The selector of a Service: new connections go to the new version, open ones stay where they are. */
export function serviceSwitch(x: ServiceSwitch): Switch {
  const ref: Ref = { group: '', kind: 'Service', namespace: x.namespace, name: x.service };
  const preview: Ref = { ...ref, name: `${x.service}-preview` };
  const object = new GuardedObject(x.api, ref);
  const direct = new Set<ClusterName>();
  const note = (c: ClusterName, o: KubeObject | undefined): void => {
    if (o !== undefined && balancerReasons(c, o).length > 0) direct.add(c);
    else direct.delete(c);
  };
  return {
    fenced: true,
    refuse: (c) => refuse(x, ref, c),
    read: async (c) => {
      const o = await object.read(c);
      note(c, o);
      return o === undefined || isPlain(o) ? undefined : serviceState({ cluster: c, object: o }).state;
    },
    create: (c, live) => create(x, object, c, live),
    write: (c, from: Guard, to: Target, keep): Promise<Put> =>
      object.write(c, from, to, {
        state: (at) => serviceState(at).state,
        patch: (at) => servicePatch(at, to, keep),
      }),
    inspect: async (c) => {
      const o = await object.read(c);
      if (o === undefined || isPlain(o)) return undefined;
      return sightOf({ cluster: c, object: o }, selected(o), (at) => serviceState(at).state);
    },
    adopt: (c, from, to, keep) => object.take(c, from, (at) => serviceTake(at, to, keep)),
    preview: async (c, version) => {
      const model = (await object.read(c)) ?? (await x.rendered(c));
      const at = { api: x.api(c), cluster: c, app: x.app, ref: preview };
      await putOwn(
        at,
        previewService(
          { ...model, metadata: { ...model.metadata, name: x.service, namespace: x.namespace } },
          x.app,
          version,
        ),
      );
    },
    unpreview: (c) => dropOwn({ api: x.api(c), app: x.app, ref: preview }),
    lagMs: (c) => (direct.has(c) ? Math.max(x.lagMs, DIRECT_LAG_MS) : x.lagMs),
  };
}

/** A Service from before the app was released becomes the switch; what another one changes meanwhile stays. */
async function create(x: ServiceSwitch, object: GuardedObject, c: ClusterName, live: VersionId): Promise<Put> {
  const there = await object.read(c);
  if (there === undefined) {
    const plain = await x.rendered(c);
    return object.create(c, newSwitch(plain, x.app, live));
  }
  return isPlain(there) ? object.patch(c, takePatch(there, live)) : 'stale';
}

async function refuse(x: ServiceSwitch, ref: Ref, c: ClusterName): Promise<readonly Reason[]> {
  const api = x.api(c);
  const o = await api.get(ref);
  if (o === undefined) return [];
  const labels = Object.fromEntries(Object.entries(broadSelector(o)).map(([k, v]) => [k, String(v)]));
  const { namespace } = x;
  const [services, pods] = await Promise.all([
    api.list({ group: '', kind: 'Service' }, { namespace }),
    Object.keys(labels).length === 0 ? [] : api.list({ group: '', kind: 'Pod' }, { namespace, labels }),
  ]);
  return [
    ...(x.acceptLoss ? [] : balancerReasons(c, o)),
    ...mixReasons(c, [x.service, `${x.service}-preview`], { services, pods, versionLabel: VERSION_LABEL }),
    ...(isPlain(o) ? [] : [...editReasons(c, o), ...ownerReasons(c, o, ['spec', 'selector', VERSION_LABEL])]),
  ];
}

function editReasons(c: ClusterName, object: KubeObject): Reason[] {
  try {
    serviceState({ cluster: c, object });
    return [];
  } catch (e) {
    if (!(e instanceof TwError)) throw e;
    return [reasonOf(e.problem, c)];
  }
}
