import type { ClusterAccess } from '../../machines.ts';
import type { Draw } from '../draw.ts';
import type { CloudError, CloudName, Data, Obj, Resource, Verb, Who, World } from '../model.ts';

/** Seconds in the real cloud; drawn between low and high around the median. */
export interface Duration {
  low: number;
  median: number;
  high: number;
}

/** What a server value may depend on. */
export interface Ctx {
  attrs: Obj;
  who: Who;
  world: World;
  draw: Draw;
  id: string;
  /** Unix ms of the request. */
  now: number;
  /** The cluster's access, once its control plane answers. */
  access?: ClusterAccess;
}
/** What a value known at plan may depend on; `attrs` may hold unknowns. */
export interface PlanCtx {
  attrs: Obj;
  who: Who;
  prior: Obj | null;
}

/** A referenced object that must exist. */
export interface Need {
  /** Attribute with the reference (or a list of them). */
  path: string;
  types: string[];
  /** How the reference names it: by id, or by this attribute. */
  by: string;
  error: (value: string, c: Ctx) => CloudError;
}
/** Objects that must be gone first. */
export interface Blocker {
  /** Is `other` in the way of `self`? */
  holds: (other: Resource, self: Resource, world: World) => boolean;
  error: (other: Resource, self: Resource) => CloudError;
}
/** The words of the provider's own error messages. */
export interface Words {
  /** `EKS Cluster`, `Kubernetes Cluster`, `Network`. */
  label: string;
  /** AWS service id: `EKS`. */
  service?: string;
  /** API calls per verb: `CreateCluster`. */
  calls?: Partial<Record<Verb, string>>;
}

export interface TypeRule {
  type: string;
  cloud: CloudName;
  words: Words;
  /** The id of a new object. */
  id: (c: Ctx) => string;
  /** Server-set values by path; at plan unknown until the object exists. */
  server: Record<string, (c: Ctx) => Data>;
  /** Values the provider computes itself while planning (tags_all, region). */
  derived: Record<string, (c: PlanCtx) => Data>;
  /** Values of attributes the user left out, by path. */
  defaults: Record<string, Data>;
  /** Paths whose change replaces the object. */
  forceNew: string[];
  /** Top-level paths that terraform must not print. */
  secret: string[];
  /** Server values that are drawn anew when one of these paths changes. */
  follows: Record<string, string[]>;
  needs: Need[];
  blockedBy: Blocker[];
  /** Natural name inside its scope; a second object with the same is refused with `exists`. */
  unique?: (c: Ctx) => string;
  exists: (c: Ctx, unique: string) => CloudError;
  takes: Record<Verb, Duration>;
  /** Real seconds that the provider repeats a delete refused by a dependency. */
  retryDelete: number;
  /** Default `timeouts` of the provider, real seconds. */
  timeouts: Record<Verb, number>;
  /**
   * What terraform keeps when a create is interrupted: `taint` = id set before the wait, `save` = kept
   * and not tainted, `lost` = id set after the wait.
   */
  onStop: 'taint' | 'save' | 'lost';
  /** Drawn once at creation, invisible to terraform. */
  hidden: (c: Ctx) => Obj;
  /** Machine types asked for, with their zones; checked against the offers. */
  machineTypes?: (c: Ctx) => { path: string; types: string[]; zones: string[] };
  /** Members of the network, for blockers and the sweep. */
  import?: (id: string) => Obj;
}

const quick: Duration = { low: 0.5, median: 1, high: 2 };
export const secs = (low: number, median: number, high: number): Duration => ({ low, median, high });
export const fail = (status: number, code: string, message: string): CloudError => ({ status, code, message });

type Loose = Pick<TypeRule, 'type' | 'words' | 'id'> & Partial<Omit<TypeRule, 'takes' | 'timeouts'>>;
interface Times {
  takes?: Partial<Record<Verb, Duration>>;
  timeouts?: Partial<Record<Verb, number>>;
}

/** A rule with the usual values of its cloud. */
export function ruleOf(base: Pick<TypeRule, 'cloud' | 'exists' | 'onStop'>, r: Loose & Times): TypeRule {
  return {
    server: {},
    derived: {},
    defaults: {},
    forceNew: [],
    secret: [],
    follows: {},
    needs: [],
    blockedBy: [],
    retryDelete: 0,
    hidden: () => ({}),
    ...base,
    ...r,
    takes: { create: quick, update: quick, delete: quick, ...r.takes },
    timeouts: { create: 1800, update: 1800, delete: 1800, ...r.timeouts },
  };
}

/** Public addresses of load balancers and reserved ones: 198.18.C.100-254 of the region's C. */
export function publicAddress(
  world: World,
  region: string,
  draw: Draw,
  taken: ReadonlySet<string>,
): string | undefined {
  const c = world.setting.regions[region];
  if (c === undefined) return undefined;
  const first = Math.floor(draw.unit('address') * 155);
  for (let i = 0; i < 155; i++) {
    const ip = `198.18.${c}.${100 + ((first + i) % 155)}`;
    if (!taken.has(ip)) return ip;
  }
  return undefined;
}

/** Every public address that an object of the world holds (`hidden.ip`). */
export function takenAddresses(world: World): Set<string> {
  const out = new Set<string>();
  for (const r of world.resources.values()) if (typeof r.hidden.ip === 'string') out.add(r.hidden.ip);
  return out;
}

export function find(world: World, type: string, by: string, value: string): Resource | undefined {
  for (const r of world.resources.values()) {
    if (r.type === type && (by === 'id' ? r.id === value : r.attrs[by] === value)) return r;
  }
  return undefined;
}

export const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** The cluster's name in the config, from the tags or labels of its resource. */
export function clusterLabel(tags: Record<string, string>): string | undefined {
  for (const [key, value] of Object.entries(tags)) {
    if (/^tradewind(\.dev)?[/_.-]cluster$/.test(key)) return value;
  }
  return undefined;
}
