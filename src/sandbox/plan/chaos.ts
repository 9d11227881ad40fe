import { z } from 'zod';
import { nearest } from '../../kernel/index.ts';
import { type Chaos, type ChaosChange, type ChaosKind, CLOUD_CHAOS, MACHINE_CHAOS } from '../model.ts';

/** Names a selector may mean right now. */
export interface Topology {
  /** `cidr`: the addresses of its machines. `planned`: known from the config, not built yet. */
  clusters: readonly { id: string; cluster: string; region: string; cidr: string; planned?: boolean }[];
  nodes: readonly string[];
  processes: readonly string[];
  regions: readonly string[];
  users: readonly string[];
}

export const CHAOS_KINDS: readonly ChaosKind[] = [...MACHINE_CHAOS, ...CLOUD_CHAOS];
const isMachineKind = (kind: string): kind is (typeof MACHINE_CHAOS)[number] =>
  (MACHINE_CHAOS as readonly string[]).includes(kind);
export const isCloudKind = (kind: string): boolean => (CLOUD_CHAOS as readonly string[]).includes(kind);

const SCOPES: Record<(typeof MACHINE_CHAOS)[number], readonly string[]> = {
  kill: ['cluster', 'node', 'region', 'process'],
  pause: ['process', 'node', 'cluster'],
  partition: ['cluster', 'region', 'users', 'operator', 'clouds'],
  link: [],
};

const percent = z.number().min(0).max(100);
/** `delay` one way and absolute in ms; `rate` in kbit/s; `oneway` keeps the way back as it is. */
const linkArgs = z
  .strictObject({
    delay: z.number().min(0).max(60_000).optional(),
    jitter: percent.optional(),
    loss: percent.optional(),
    rate: z.number().min(0).optional(),
    cut: z.boolean().optional(),
    oneway: z.boolean().optional(),
  })
  .refine(
    (a) => ['delay', 'jitter', 'loss', 'rate', 'cut'].some((k) => k in a),
    'one of delay, jitter, loss, rate, cut',
  );
const noArgs = z.strictObject({});

const chaosFile = z.strictObject({
  chaos: z.array(
    z.strictObject({
      id: z.string().min(1),
      kind: z.enum(CHAOS_KINDS as [ChaosKind, ...ChaosKind[]]),
      where: z.string().min(1),
      args: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
      from: z.number(),
      until: z.number().optional(),
    }),
  ),
});

const hint = (word: string, names: readonly string[]): string => {
  const near = nearest(word, names);
  return near === undefined
    ? names.length === 0
      ? '; there is none'
      : `; there is ${names.join(', ')}`
    : `; did you mean ${near}?`;
};

/** `cluster:mtl` → its two halves; names may hold colons. */
export function selectorOf(where: string): { scope: string; name: string } {
  const at = where.indexOf(':');
  return at < 0 ? { scope: where, name: '' } : { scope: where.slice(0, at), name: where.slice(at + 1) };
}

const CLOUD_PARTS = ['cloud', 'region', 'cluster', 'type', 'name', 'verb'] as const;

/** `cloud:aws,type:aws_eks_cluster` → the clouds' selector; `*` matches everything. */
export function cloudSelector(where: string): { selector: Record<string, string>; faults: string[] } {
  const parts = where === '*' ? [] : where.split(',').map((p) => selectorOf(p.trim()));
  const wrong = parts.filter((p) => p.name === '' || !(CLOUD_PARTS as readonly string[]).includes(p.scope));
  return {
    selector: Object.fromEntries(parts.map((p) => [p.scope, p.name])),
    faults: wrong.map((p) => `"${p.scope}" is not * or ${CLOUD_PARTS.map((k) => `${k}:<name>`).join(', ')}`),
  };
}

/** Done once and over: a process that is killed starts again, a drifted attribute stays as it is. */
export const isOneShot = (c: { kind: string; where: string }): boolean =>
  c.kind === 'drift' || (c.kind === 'kill' && c.where.startsWith('process:'));

function namesOf(scope: string, t: Topology): readonly string[] {
  if (scope === 'cluster') return t.clusters.map((c) => c.cluster);
  if (scope === 'node') return t.nodes;
  if (scope === 'process') return t.processes;
  return scope === 'users' ? t.users : t.regions;
}

/** The WAN site a name means: a region, a cluster's region, `users-<name>`, `operator`, `clouds`. */
export function siteOf(name: string, t: Topology): string | undefined {
  if (name === 'operator' || name === 'clouds' || t.regions.includes(name)) return name;
  if (name.startsWith('users-') && t.users.includes(name.slice('users-'.length))) return name;
  return t.clusters.find((c) => c.cluster === name)?.region;
}

/** `sao..mtl` → two sites. */
export function linkEnds(where: string, t: Topology): { from: string; to: string } | { fault: string } {
  const [a = '', b = '', ...rest] = where.split('..');
  const sites = [
    ...t.regions,
    ...t.clusters.map((c) => c.cluster),
    ...t.users.map((u) => `users-${u}`),
    'operator',
    'clouds',
  ];
  const from = siteOf(a, t);
  const to = siteOf(b, t);
  if (rest.length > 0 || b === '')
    return { fault: `"${where}" is not a pair such as ${sites[0] ?? 'a'}..${sites[1] ?? 'b'}` };
  if (from === undefined) return { fault: `no site "${a}"${hint(a, sites)}` };
  if (to === undefined) return { fault: `no site "${b}"${hint(b, sites)}` };
  return from === to ? { fault: `"${a}" and "${b}" are the same site` } : { from, to };
}

function scopedFault(kind: (typeof MACHINE_CHAOS)[number], where: string, t: Topology): string | undefined {
  if (kind === 'link') {
    const ends = linkEnds(where, t);
    return 'fault' in ends ? ends.fault : undefined;
  }
  const { scope, name } = selectorOf(where);
  const scopes = SCOPES[kind];
  if (!scopes.includes(scope)) return `"${where}": ${kind} takes ${scopes.map((s) => `${s}:<name>`).join(', ')}`;
  if (kind === 'partition' && (scope === 'operator' || scope === 'clouds')) return undefined;
  const names = namesOf(scope, t);
  if (!names.includes(name)) return `no ${scope} "${name}"${hint(name, names)}`;
  if (scope !== 'cluster') return undefined;
  return kind === 'partition' ? undefined : unbuilt(kind, name, t);
}

/** What is not there yet has no power to lose; its addresses can be cut off. */
function unbuilt(kind: string, cluster: string, t: Topology): string | undefined {
  const planned = t.clusters.some((c) => c.cluster === cluster && c.planned);
  return planned ? `cluster ${cluster} is not built yet: there is nothing to ${kind}` : undefined;
}

/** Every fault of one chaos, as sentences; empty when it can be applied. */
export function chaosFaults(c: { kind: string; where: string; args: Chaos['args'] }, t: Topology): string[] {
  if (!(CHAOS_KINDS as readonly string[]).includes(c.kind)) return [`no chaos "${c.kind}"${hint(c.kind, CHAOS_KINDS)}`];
  // The clouds judge the arguments of their own kinds: only they know types, quotas and accounts.
  if (!isMachineKind(c.kind)) return cloudSelector(c.where).faults;
  const place = scopedFault(c.kind, c.where, t);
  const args = (c.kind === 'link' ? linkArgs : noArgs).safeParse(c.args);
  const wrong = args.success ? [] : args.error.issues.map((i) => `${[c.kind, ...i.path].join('.')}: ${i.message}`);
  return [...(place === undefined ? [] : [place]), ...wrong];
}

/** A chaos file as a whole: its entries, or every fault. */
export function readChaos(value: unknown, t: Topology): { chaos: Chaos[] } | { faults: string[] } {
  const parsed = chaosFile.safeParse(value);
  if (!parsed.success) {
    return { faults: parsed.error.issues.map((i) => `${i.path.join('.') || 'file'}: ${i.message}`) };
  }
  const list = parsed.data.chaos.map(({ until, ...c }): Chaos => ({ ...c, ...(until === undefined ? {} : { until }) }));
  const ids = list.map((c) => c.id);
  const faults = [
    ...list.flatMap((c, i) => chaosFaults(c, t).map((f) => `chaos.${i}: ${f}`)),
    ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `chaos: id "${id}" occurs twice`),
  ];
  return faults.length > 0 ? { faults } : { chaos: list };
}

/** Entries a `heal` means: by id, kind, place, or `kind place`; all without a word. */
export function healed(list: readonly Chaos[], what: string | undefined): Chaos[] {
  if (what === undefined || what === 'all') return [...list];
  return list.filter((c) => [c.id, c.kind, c.where, `${c.kind} ${c.where}`].includes(what));
}

/** What must be undone and done to get from one list to the other. */
export function chaosDiff(before: readonly Chaos[], after: readonly Chaos[]): { end: Chaos[]; begin: Chaos[] } {
  const has = (list: readonly Chaos[], c: Chaos): boolean =>
    list.some(
      (x) =>
        x.id === c.id && x.kind === c.kind && x.where === c.where && JSON.stringify(x.args) === JSON.stringify(c.args),
    );
  return { end: before.filter((c) => !has(after, c)), begin: after.filter((c) => !has(before, c)) };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** `30s`, `500ms`, `2m` → milliseconds. */
export function durationMs(text: string): number | undefined {
  const m = /^(\d+(?:\.\d+)?)(ms|s|m|min|h)$/.exec(text);
  return m === null ? undefined : Number(m[1]) * (UNITS[m[2] ?? ''] ?? 0);
}

function argOf(word: string): [string, string | number | boolean] {
  const at = word.indexOf('=');
  if (at < 0) return [word, true];
  const raw = word.slice(at + 1);
  const n = Number(raw.replace(/(ms|%|kbit)$/, ''));
  if (raw === 'true' || raw === 'false') return [word.slice(0, at), raw === 'true'];
  return [word.slice(0, at), raw !== '' && Number.isFinite(n) ? n : raw];
}

function healOf(kind: string, what: readonly string[]): ChaosChange | undefined {
  if (kind === 'heal') return { do: 'heal', ...(what.length === 0 ? {} : { what: what.join(' ') }) };
  return kind === 'resume' ? { do: 'heal', what: `pause ${what.join(' ')}` } : undefined;
}

/**
 * Words of a command line → a change: `kill cluster:mtl`, `link sao..mtl delay=300 loss=5`, `heal kill cluster:mtl`,
 * `resume process:clouds`. `forMs` of `--for`.
 */
export function parseChaos(words: readonly string[], forMs?: number): ChaosChange | { fault: string } {
  const [kind = '', where, ...rest] = words;
  const back = healOf(kind, words.slice(1));
  if (back !== undefined) return back;
  if (!(CHAOS_KINDS as readonly string[]).includes(kind)) {
    return { fault: `no chaos "${kind}"${hint(kind, [...CHAOS_KINDS, 'heal', 'resume'])}` };
  }
  if (where === undefined && isMachineKind(kind)) return { fault: `${kind}: where? such as cluster:<name>` };
  const args = Object.fromEntries(rest.map(argOf));
  return { do: 'begin', kind, where: where ?? '*', args, ...(forMs === undefined ? {} : { forMs }) };
}
