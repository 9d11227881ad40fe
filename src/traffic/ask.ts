import { type ClusterName, causes, fault, nearest } from '../kernel/index.ts';
import {
  limited,
  type NameserverView,
  needCurrent,
  patienceOf,
  portOf,
  readPage,
  type ServerAt,
  serversOf,
  type TrafficDeps,
} from './engine.ts';
import { healthIn, lookAt, ownersOf } from './holds.ts';
import { evaluate, intentFor } from './machine/evaluate.ts';
import { explain } from './machine/explain.ts';
import { sharesOf } from './machine/guard.ts';
import { formatCidr, mask, parseIp } from './machine/ip.ts';
import { LONGEST } from './machine/map.ts';
import { snapshotId, worldOf } from './machine/world.ts';
import type { Decision, Hold, Ip, Query, Snapshot, World } from './model.ts';
import type { LookupAnswer } from './ports.ts';

/** What one nameserver decided and answered for a client. */
interface WhyServer {
  cluster: ClusterName;
  ip: Ip;
  /** Its own decision, from its own snapshot and health. */
  decision?: Decision;
  /** Clusters it answered over DNS. */
  answered?: ClusterName[];
  scope?: number;
  /** It runs the same snapshot and answers a cluster that the prediction gives a share. */
  agrees: boolean;
  say: string;
}
export interface Why {
  query: Query;
  snapshot: { id: string; term: number; seq: number; map: string };
  /** Computed here, by the same function that the nameservers run. */
  predicted: Decision;
  /** For people. */
  lines: string[];
  servers: WhyServer[];
}

/** A world as this machine can know it: the snapshot, and health and addresses as the nameservers report them. */
export function worldFrom(s: Snapshot, views: readonly NameserverView[], now: number): World {
  const best = views.find((v) => v.snapshot?.id === snapshotId(s)) ?? views[0];
  const names: Record<string, { v4: Ip[]; v6: Ip[] }> = {};
  for (const site of s.sites) {
    for (const [app, edge] of Object.entries(site.edges)) {
      const ips = best?.edges[`${site.cluster}/${app}`] ?? [];
      const [v4, v6] = [ips.filter((i) => !i.includes(':')), ips.filter((i) => i.includes(':'))];
      if (edge.name !== undefined && ips.length > 0) names[edge.name] = { v4, v6 };
    }
  }
  return worldOf(s, { health: best?.health ?? {}, names, load: {}, now });
}

function questionOf(ip: Ip, host: string): Query {
  const addr = parseIp(ip);
  if (addr === undefined) throw fault('TW4034', { value: ip, why: ['not an address'] });
  return { name: host, type: 'A', source: ip };
}

/** The prefix a resolver would send for a client: /24 or /48. */
function subnetOf(ip: Ip): string {
  const addr = parseIp(ip) ?? { v: 4, n: 0 };
  const len = LONGEST[addr.v];
  return formatCidr({ addr: mask(addr, len), len });
}

interface Prediction {
  query: Query;
  predicted: Decision;
  owners: Map<Ip, ClusterName>;
}

/** Prediction against what came back over DNS. */
function compare(p: Prediction, reply: LookupAnswer, decision: Decision | undefined) {
  const answered = [...new Set(reply.data.map((ip) => p.owners.get(ip) ?? ip))];
  const legal = p.predicted.candidates.filter((c) => c.share > 0).map((c) => c.cluster);
  const fits = answered.length > 0 && answered.every((c) => legal.includes(c));
  const behind = decision !== undefined && decision.snapshot !== p.predicted.snapshot;
  const said = [answered.join(', ') || reply.rcode];
  if (behind) said.push('from another snapshot');
  if (!fits) said.push(`predicted ${legal.join(' or ')}`);
  const scope = reply.scope === undefined ? {} : { scope: reply.scope };
  return { answered, ...scope, agrees: fits && !behind, say: said.join(', ') };
}

async function askServer(deps: TrafficDeps, at: ServerAt, p: Prediction): Promise<WhyServer> {
  const { source, name } = p.query;
  const path = `/why?ip=${encodeURIComponent(source)}&host=${encodeURIComponent(name)}`;
  const question = { server: at.ip, ...portOf(at), name, type: 'A' as const, ecs: subnetOf(source) };
  const [page, dns] = await Promise.allSettled([
    readPage(deps, at, path) as Promise<{ decision: Decision }>,
    deps.lookup.ask(question, limited(deps)),
  ]);
  const decision = page.status === 'fulfilled' ? page.value.decision : undefined;
  const base = { cluster: at.cluster, ip: at.ip, ...(decision === undefined ? {} : { decision }) };
  if (dns.status === 'fulfilled') return { ...base, ...compare(p, dns.value, decision) };
  return { ...base, agrees: false, say: `no answer over DNS: ${causes(dns.reason).join(': ')}` };
}

/**
 * Why a client gets the answer it gets: every candidate with its reason, and prediction against reality on
 * every authoritative server. Throws TW4034 (no such host, not an address), TW4051.
 */
export async function why(request: { ip: Ip; host?: string }, given: TrafficDeps): Promise<Why> {
  const deps = { ...given, patience: patienceOf(given) };
  const { snapshot: s } = await needCurrent(deps);
  const host = request.host ?? s.intents[0]?.host ?? '';
  if (intentFor(s.intents, host) === undefined) {
    const near = nearest(
      host,
      s.intents.map((i) => i.host),
    );
    throw fault('TW4034', { value: host, why: near === undefined ? [] : [`did you mean "${near}"?`] });
  }
  const query = questionOf(request.ip, host);
  const servers = serversOf(s);
  const seen = await lookAt(deps, servers);
  const now = deps.clock.now();
  const predicted = evaluate(worldFrom(s, [...seen.views.values()], now), query);
  const owners = ownersOf(s, seen);
  const asked = await Promise.all(servers.map((at) => askServer(deps, at, { query, predicted, owners })));
  return {
    query,
    snapshot: { id: snapshotId(s), term: s.term, seq: s.seq, map: s.map.id },
    predicted,
    lines: explain(predicted, now),
    servers: asked,
  };
}

export interface TrafficStatus {
  snapshot: { id: string; term: number; seq: number; map: string };
  hosts: { host: string; app: string; ttl: number; shares: Record<ClusterName, number> }[];
  holds: Hold[];
  servers: {
    cluster: ClusterName;
    ip: Ip;
    /** Answers over DNS with the serial of the snapshot it runs. */
    serial?: number;
    view?: NameserverView;
    error?: string;
  }[];
  /** All servers that could be asked run the same snapshot. */
  agreed: boolean;
}

/** The fleet's traffic now, from the servers themselves. Throws TW4051. */
export async function trafficStatus(given: TrafficDeps): Promise<TrafficStatus> {
  const deps = { ...given, patience: patienceOf(given) };
  const { snapshot: s } = await needCurrent(deps);
  const servers = serversOf(s);
  const seen = await lookAt(deps, servers);
  const host = s.intents[0]?.host ?? '';
  const serials = await deps.patience.all(
    servers.map((at) => ({
      who: `server ${at.cluster}`,
      run: () => deps.lookup.ask({ server: at.ip, ...portOf(at), name: host, type: 'SOA' }, limited(deps)),
    })),
  );
  const world = worldOf(s, { health: healthIn(seen), names: {}, load: {}, now: deps.clock.now() });
  const ids = new Set([...seen.views.values()].map((v) => v.snapshot?.id));
  return {
    snapshot: { id: snapshotId(s), term: s.term, seq: s.seq, map: s.map.id },
    hosts: s.intents.map((i) => ({ host: i.host, app: i.app, ttl: i.ttl, shares: sharesOf(world, i) })),
    holds: s.holds,
    servers: servers.map((at, i) => {
      const r = serials[i];
      const view = seen.views.get(at.cluster);
      const error = seen.errors.get(at.cluster) ?? (r?.status === 'rejected' ? causes(r.reason).join(': ') : undefined);
      const serial = r?.status === 'fulfilled' ? Number(r.value.data[0]) : undefined;
      return {
        cluster: at.cluster,
        ip: at.ip,
        ...(serial === undefined ? {} : { serial }),
        ...(view === undefined ? {} : { view }),
        ...(error === undefined ? {} : { error }),
      };
    }),
    agreed: ids.size <= 1 && seen.views.size > 0,
  };
}
