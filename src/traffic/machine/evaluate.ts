import { km } from '../../kernel/index.ts';
import type { Candidate, Client, Decision, DnsAnswer, Intent, Query, Reason, Site, Stage, World } from '../model.ts';
import { hashAddr, hashText, SLOTS, slotOf, slotsOf } from './hash.ts';
import { type Addr, parseCidr, parseIp } from './ip.ts';
import { locate, type Resolved, rowsOf, rttTo } from './map.ts';
import { type Case, FILTERS, ruleFor } from './stages/filters.ts';
import { rank } from './stages/rank.ts';

/**
 * What is given up when nothing is left, one more at each step. A residency wish goes before drain and
 * health: users of a wish are better off in another healthy cluster than in a drained or a dead one.
 * Never given up: placed, brake, strict residency.
 */
const LADDER: readonly (readonly Stage[])[] = [
  [],
  ['capacity'],
  ['capacity', 'residency'],
  ['capacity', 'residency', 'drain'],
  ['capacity', 'residency', 'drain', 'health'],
];

export interface Ruling {
  candidates: Candidate[];
  relaxed: Stage[];
  /** Slots of the 1,000 by candidate, in order; all 0 when no one may serve. */
  slots: number[];
}

const refusals = (c: Case, site: Site): Reason[] =>
  FILTERS.map(({ filter }) => filter(c, site)).filter((r) => r !== undefined);

function survivors(
  all: readonly { site: Site; reasons: Reason[] }[],
  strict: boolean,
): { kept: Set<Site>; gaveUp: readonly Stage[] } {
  for (const step of LADDER) {
    const gaveUp = strict ? step.filter((s) => s !== 'residency') : step;
    const kept = all.filter(({ reasons }) => reasons.every((r) => gaveUp.includes(r.stage)));
    if (kept.length > 0) return { kept: new Set(kept.map((k) => k.site)), gaveUp };
  }
  return { kept: new Set(), gaveUp: [] };
}

/** The law for one client: who may serve, with which share, and why the others may not. */
export function rule(c: Case): Ruling {
  const all = c.world.sites.map((site) => ({ site, reasons: refusals(c, site) }));
  const { kept, gaveUp } = survivors(all, ruleFor(c)?.strict ?? false);
  const shares = rank(
    c,
    c.world.sites.filter((s) => kept.has(s)),
  );
  let next = 0;
  const slots = slotsOf(c.world.sites.map((s) => (kept.has(s) ? (shares[next++] ?? 0) : 0)));
  const candidates = all.map(({ site, reasons }, i): Candidate => {
    const rtt = rttTo(c.world.map, c.client, site);
    const out = kept.has(site) ? undefined : reasons.find((r) => !gaveUp.includes(r.stage));
    return {
      cluster: site.cluster,
      ...(out === undefined ? {} : { out }),
      pardoned: kept.has(site) ? reasons : [],
      ...(rtt === undefined ? {} : { rtt }),
      ...(c.client.place === undefined ? {} : { km: Math.round(km(c.client.place, site.place)) }),
      share: (slots[i] ?? 0) / SLOTS,
    };
  });
  const relaxed = gaveUp.filter((s) => candidates.some((x) => x.pardoned.some((r) => r.stage === s)));
  return { candidates, relaxed, slots };
}

/** Index of the candidate that owns a slot; -1 when no one may serve. */
function ownerOf(slots: readonly number[], slot: number): number {
  let end = 0;
  for (const [i, n] of slots.entries()) {
    end += n;
    if (slot < end) return i;
  }
  return -1;
}

export const intentFor = (intents: readonly Intent[], name: string): Intent | undefined =>
  intents.find((i) => i.host === name.toLowerCase());

function clientOf(q: Query): { addr: Addr; from: 'ecs' | 'source'; key: string } {
  const ecs = q.ecs === undefined ? undefined : parseCidr(q.ecs);
  if (ecs !== undefined && ecs.len > 0) return { addr: ecs.addr, from: 'ecs', key: q.ecs ?? '' };
  return { addr: parseIp(q.source) ?? { v: 4, n: 0 }, from: 'source', key: q.source };
}

/** Addresses of the chosen site for one type; never another cluster's when it has none of that family. */
function addressesOf(site: Site | undefined, app: string, type: string): string[] {
  const edge = site?.edges[app];
  if (edge === undefined) return [];
  if (type === 'A') return edge.v4;
  return type === 'AAAA' ? edge.v6 : [];
}

const shown = (c: { key: string; from: 'ecs' | 'source' }, known: Resolved): Client => ({
  key: c.key,
  from: c.from,
  row: known.prefix,
  ...(known.country === undefined ? {} : { country: known.country }),
  ...(known.place === undefined ? {} : { place: known.place }),
});

function answerOf(w: World, intent: Intent, type: string, index: number): DnsAnswer {
  const wanted = type === 'A' || type === 'AAAA';
  if (wanted && index < 0) return { rcode: 'SERVFAIL', data: [], ttl: 0 };
  return { rcode: 'NOERROR', data: addressesOf(w.sites[index], intent.app, type), ttl: intent.ttl };
}

/**
 * The decision for one query. Names that are no app's host: NXDOMAIN below one, REFUSED elsewhere.
 * No cluster may serve (all braked or not placed): SERVFAIL, which resolvers do not keep for long.
 */
export function evaluate(w: World, q: Query): Decision {
  const intent = intentFor(w.intents, q.name);
  const client = clientOf(q);
  const { known, scope } = locate(rowsOf(w), client.addr);
  const base = { snapshot: w.snapshot, map: w.map.id, client: shown(client, known) };
  if (intent === undefined) {
    const below = w.intents.some((i) => q.name.toLowerCase().endsWith(`.${i.host}`));
    const answer: DnsAnswer = { rcode: below ? 'NXDOMAIN' : 'REFUSED', data: [], ttl: 0 };
    return { ...base, answer, chosen: null, scope: 0, candidates: [], relaxed: [], slot: 0 };
  }
  const ruling = rule({ world: w, intent, client: known });
  const slot = slotOf({
    salt: hashText(intent.host),
    resolver: hashAddr(parseIp(q.source) ?? { v: 4, n: 0 }),
    row: known.prefix === null ? 0 : hashText(known.prefix),
    ttl: intent.ttl,
    now: w.now,
  });
  const index = ownerOf(ruling.slots, slot);
  const answer = answerOf(w, intent, q.type, index);
  // Resolvers keep negative answers for all clients, so these carry no scope (RFC 7871 section 7.4).
  const positive = client.from === 'ecs' && answer.data.length > 0;
  const { candidates, relaxed } = ruling;
  const chosen = w.sites[index]?.cluster ?? null;
  return { ...base, answer, chosen, scope: positive ? scope : 0, candidates, relaxed, slot };
}
