import type { ClusterName } from '../../kernel/index.ts';
import type { Hold, Intent, LoadView, Site, World } from '../model.ts';
import { targetOf } from '../model.ts';
import { rule } from './evaluate.ts';
import { contains } from './ip.ts';
import { merge, type Resolved, rowsOf } from './map.ts';

/** Why a hold must not be; `force` lifts those that say so. */
export interface Objection {
  code: 'TW4030' | 'TW4031' | 'TW4032';
  value: string;
  why: string;
  forcible: boolean;
}

const open = (h: Hold, now: number): boolean => h.until === undefined || h.until > now;

function serves(w: World, intent: Intent, site: Site): boolean {
  const edge = site.edges[intent.app];
  const placed = edge !== undefined && (edge.v4.length + edge.v6.length > 0 || edge.name !== undefined);
  const verdict = w.health[targetOf(site.cluster, intent.app)];
  const down = verdict?.state === 'down' || verdict?.lone === true;
  const held = w.holds.some((h) => h.cluster === site.cluster && open(h, w.now));
  return placed && !down && !held;
}

function lastServing(w: World, cluster: ClusterName): Objection[] {
  const lost = w.intents.filter((intent) => {
    const serving = w.sites.filter((s) => serves(w, intent, s));
    return (
      w.sites.some((s) => s.cluster === cluster && s.edges[intent.app] !== undefined) &&
      serving.every((s) => s.cluster === cluster)
    );
  });
  return lost.map((intent) => ({
    code: 'TW4031',
    value: cluster,
    why: `no other cluster serves ${intent.host} now`,
    forcible: false,
  }));
}

/** Strict residency keeps its clients on its clusters: braking the last of them would leave them no answer. */
function fenced(w: World, hold: Hold): Objection[] {
  if (hold.kind !== 'brake') return [];
  const braked = new Set(w.holds.filter((h) => h.kind === 'brake' && open(h, w.now)).map((h) => h.cluster));
  const rules = w.intents.flatMap((i) => i.residency).filter((r) => r.strict && r.to.includes(hold.cluster));
  return rules
    .filter((r) => r.to.every((c) => c === hold.cluster || braked.has(c)))
    .map((r) => ({
      code: 'TW4031',
      value: hold.cluster,
      why: `clients in ${r.from.join(', ')} may be served by no other cluster`,
      forcible: false,
    }));
}

/** The clients the map knows, each with what is known of it; one of which nothing is known when it is empty. */
function clients(w: World): Resolved[] {
  const rows = rowsOf(w);
  const known = rows.map((r) => merge(rows.filter((o) => o.cidr.len <= r.cidr.len && contains(o.cidr, r.cidr.addr))));
  return known.length > 0 ? known : [{ prefix: null, rtt: {} }];
}

/** Shares of all clients by cluster: every row of the map counts the same. */
export function sharesOf(w: World, intent: Intent): Record<ClusterName, number> {
  const all = clients(w);
  const out: Record<ClusterName, number> = {};
  for (const client of all) {
    for (const c of rule({ world: w, intent, client }).candidates) {
      out[c.cluster] = (out[c.cluster] ?? 0) + c.share / all.length;
    }
  }
  return out;
}

/** Peak of each cluster after the hold: the held cluster's load goes where its clients would go. */
export function projected(w: World, hold: Hold, intent: Intent, peaks: LoadView): LoadView {
  const before = sharesOf(w, intent);
  const after = sharesOf({ ...w, holds: [...w.holds, hold] }, intent);
  const gains = w.sites.map((s) => Math.max(0, (after[s.cluster] ?? 0) - (before[s.cluster] ?? 0)));
  const total = gains.reduce((a, b) => a + b, 0);
  const moved = peaks[hold.cluster] ?? 0;
  return Object.fromEntries(
    w.sites
      .map(
        (s, i) => [s.cluster, (peaks[s.cluster] ?? 0) + (total > 0 ? (moved * (gains[i] ?? 0)) / total : 0)] as const,
      )
      .filter(([c]) => c !== hold.cluster),
  );
}

function overloads(w: World, hold: Hold, peaks: LoadView): Objection[] {
  return w.intents.flatMap((intent) =>
    Object.entries(projected(w, hold, intent, peaks)).flatMap(([cluster, rate]): Objection[] => {
      const limit = intent.capacity[cluster];
      if (limit === undefined || rate <= limit * intent.keepBelow) return [];
      const percent = Math.round((rate / limit) * 100);
      const why = `${cluster} would run at ${percent} % of ${limit}/s; ${Math.round(intent.keepBelow * 100)} % is the most`;
      return [{ code: 'TW4030', value: hold.cluster, why, forcible: true }];
    }),
  );
}

/** Everything that speaks against a hold. `peaks`: requests per second in the last hour, by cluster, if known. */
export function objections(w: World, hold: Hold, peaks: LoadView = {}): Objection[] {
  const others = w.holds.filter((h) => open(h, w.now) && h.cluster !== hold.cluster).map((h) => h.cluster);
  const second: Objection[] = others.slice(0, 1).map((c) => ({
    code: 'TW4032',
    value: hold.cluster,
    why: `${c} is held; one at a time unless forced`,
    forcible: true,
  }));
  return [...lastServing(w, hold.cluster), ...fenced(w, hold), ...second, ...overloads(w, hold, peaks)];
}
