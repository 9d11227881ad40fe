import { computed, signal } from '@preact/signals';
import { look } from './api.ts';
import { type Seen, serverNow } from './store.ts';

export interface PlanData {
  id: string;
  changes: { infra: number; fleet: number; traffic: number; total: number };
  roots: { root: string; kind: string; changes: { address: string; action: string; destroysCluster: boolean }[] }[];
  clusters: {
    name: string;
    skipped: string | null;
    apps: {
      name: string;
      unchanged: number;
      ops: { kind: string; object: string; namespace: string | null; why: string[]; refused: string | null }[];
    }[];
  }[];
  traffic: { changes: string[]; gaps: string[] } | null;
  state: {
    app: string;
    mode: string;
    home?: string;
    estimated: boolean;
    prices: { key: string; say: string; which?: string }[];
  }[];
}

const DESTRUCTIVE = ['delete', 'replace', 'recreate'];
export const rank = (action: string): number => (DESTRUCTIVE.includes(action) ? 0 : 1);

export interface Line {
  where: string;
  what: string;
  action: string;
  note: string;
}

/** Every change as one line; what destroys comes first. */
export function linesOf(p: PlanData): Line[] {
  const clouds = p.roots.flatMap((r) =>
    r.changes.map((c) => ({
      where: r.root,
      what: c.address,
      action: c.action,
      note: c.destroysCluster ? 'destroys the cluster' : '',
    })),
  );
  const objects = p.clusters.flatMap((c) =>
    c.apps.flatMap((a) =>
      a.ops.map((o) => ({
        where: c.name,
        what: `${a.name} ${o.object}`,
        action: o.kind,
        note: o.refused ?? o.why.join('; '),
      })),
    ),
  );
  const names = (p.traffic?.changes ?? []).map((c) => ({ where: 'DNS', what: c, action: 'update', note: '' }));
  return [...clouds, ...objects, ...names].toSorted((a, b) => rank(a.action) - rank(b.action));
}

/** The last plan that was made in this browser; every page shows the same one, with its age. */
export const plan = signal<Seen<PlanData>>({ data: undefined, at: 0, problem: undefined });
/** The cluster it is for; empty: the whole fleet. */
export const scope = signal('');
const going = signal(0);
export const planning = computed(() => going.value > 0);

/** Asks the server for a plan of the fleet, or of one cluster. */
export async function makePlan(on = scope.value): Promise<void> {
  scope.value = on;
  going.value += 1;
  const said = await look('plan', on === '' ? {} : { on });
  going.value -= 1;
  // Another one was asked for meanwhile.
  if (scope.value !== on) return;
  const data = said.is === 'done' ? (said.data as PlanData) : undefined;
  plan.value = { data, at: serverNow.value, problem: said.is === 'running' ? undefined : said.problem };
}

/** How a place differs from the config, by the last plan; undefined: it is not known. */
export function differences(p: PlanData | undefined, cluster: string, app: string): number | undefined {
  const found = p?.clusters.find((c) => c.name === cluster && c.skipped === null)?.apps.find((a) => a.name === app);
  return found?.ops.length;
}
/** The same of what the cloud has of a cluster. */
export function cloudDifferences(p: PlanData | undefined, cluster: string): number | undefined {
  return p?.roots.find((r) => r.root === `cluster:${cluster}` && r.kind !== 'failed')?.changes.length;
}
