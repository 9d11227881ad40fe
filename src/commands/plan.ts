import type { AppPlan, FleetPlan, Op } from '../fleet/index.ts';
import type { InfraPlan, RootPlan } from '../infra/index.ts';
import {
  digest,
  type Json,
  type Problem,
  type Row,
  type Tone,
  text,
  toJson,
  untrusted,
  type View,
} from '../kernel/index.ts';
import type { StatePlan } from '../state/index.ts';
import type { Facts } from './access/machine/facts.ts';
import { told } from './changed.ts';
import type { TrafficPlanFacts } from './ports.ts';
import { priceRow, pricesOf } from './price.ts';

/** Every change of one command over clouds, clusters and DNS. */
export interface Plan {
  /** `p-` and twelve hex digits of the digest over all parts. */
  id: string;
  infra: InfraPlan;
  fleet: FleetPlan;
  traffic: TrafficPlanFacts | undefined;
  /** What the users of shared state buy; a consequence, no change of its own. */
  state: readonly StatePlan[];
}

/** The id a person approves: same changes, same id, on any machine. */
export function planOf(
  infra: InfraPlan,
  fleet: FleetPlan,
  traffic: TrafficPlanFacts | undefined,
  state: readonly StatePlan[] = [],
): Plan {
  const whole = digest([infra.digest, fleet.id, traffic?.id ?? null]);
  const id = `p-${whole.slice('sha256:'.length, 'sha256:'.length + 12)}`;
  return { id, infra, fleet: confirmable(fleet, id), traffic, state };
}

/** Withheld deletions are confirmed by the id of the whole plan. */
function confirmable(fleet: FleetPlan, id: string): FleetPlan {
  const fix = [{ say: 'If that is meant, confirm exactly this plan:', command: `tw up --plan ${id}` }];
  const worded = (a: AppPlan): AppPlan => ({
    ...a,
    problems: a.problems.map((p) => (p.code === 'TW3030' ? { ...p, fix } : p)),
  });
  return { ...fleet, clusters: fleet.clusters.map((c) => ({ ...c, apps: c.apps.map(worded) })) };
}

const isChange = (op: Op): boolean => op.kind !== 'same';
const rootChanges = (r: RootPlan): number =>
  r.kind === 'planned' ? r.changes.length : r.kind === 'deferred' ? r.envelope.allow.length : 0;

/** How many things the plan would do. */
export function changesOf(plan: Plan): { infra: number; fleet: number; traffic: number; total: number } {
  const infra = plan.infra.roots.reduce((n, r) => n + rootChanges(r), 0);
  const fleet = plan.fleet.clusters.reduce(
    (n, c) => n + c.apps.reduce((m, a) => m + a.ops.filter(isChange).length, 0),
    0,
  );
  const traffic = plan.traffic?.changes.length ?? 0;
  return { infra, fleet, traffic, total: infra + fleet + traffic };
}

/** How many things each cluster of the plan differs by; null: it could not be planned. */
export function differing(plan: Plan): Record<string, { infra: number; apps: Record<string, number> } | null> {
  const found: ReturnType<typeof differing> = {};
  for (const c of plan.fleet.clusters) {
    const root = plan.infra.roots.find((r) => r.cluster === c.name);
    const apps: Record<string, number> = {};
    for (const a of c.apps) apps[a.app] = (apps[a.app] ?? 0) + a.ops.filter(isChange).length;
    const blind = c.skipped !== undefined || root?.kind === 'failed';
    found[c.name] = blind ? null : { infra: root === undefined ? 0 : rootChanges(root), apps };
  }
  return found;
}

/** Values are left to the places that mask them: fields by name, and the end of the digest of what is sent. */
function opFact(op: Op): string {
  const fields = op.kind === 'update' ? op.diff.map((d) => d.path) : [];
  const some =
    fields.length <= 3 ? fields.join(', ') : `${fields.slice(0, 3).join(', ')} and ${fields.length - 3} more`;
  const values = op.hash === undefined ? '' : ` (${op.hash.slice(-6)})`;
  return `${op.kind}${some === '' ? '' : ` ${some}`}${values}`;
}

function rootFacts(r: RootPlan): [string, string][] {
  if (r.kind === 'failed') return [[r.root, `failed: ${r.problem.code}`]];
  if (r.kind === 'deferred')
    return r.envelope.allow.map((a) => [`${r.root} ${a.address}`, `${a.actions.join(', ')}, at most`]);
  return r.kind === 'planned' ? r.changes.map((c) => [`${r.root} ${c.address}`, c.action]) : [];
}

/** Deletions that wait for a confirmation are part of what is confirmed. */
const changing = (a: AppPlan): Op[] => [...a.ops, ...a.withheld].filter(isChange);

const appFacts = (cluster: string, a: AppPlan): [string, string][] => [
  [`${cluster} ${a.app}`, a.version],
  ...changing(a).map((op): [string, string] => {
    const { kind, namespace, name } = op.ref;
    return [`${cluster} ${a.app} ${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`, opFact(op)];
  }),
];

/** The plan as named values; what does not change is not named. */
export function planFacts(plan: Plan): Facts {
  return Object.fromEntries([
    ['plan', plan.id],
    ...plan.infra.roots.flatMap(rootFacts),
    ...plan.fleet.clusters.flatMap((c) => [
      ...(c.skipped === undefined ? [] : [[`cluster ${c.name}`, `left out: ${c.skipped.code}`]]),
      ...c.apps.filter((a) => changing(a).length > 0).flatMap((a) => appFacts(c.name, a)),
    ]),
    ...(plan.traffic?.changes ?? []).map((c) => [`DNS: ${c}`, 'to do']),
  ]);
}

/** What stops parts of the plan: failed roots, refused objects, clusters that do not answer. */
export function problemsOf(plan: Plan): Problem[] {
  return [
    ...plan.infra.roots.flatMap((r) => (r.kind === 'failed' ? [r.problem] : [])),
    ...plan.fleet.clusters.flatMap((c) => [
      ...(c.skipped === undefined ? [] : [c.skipped]),
      ...c.apps.flatMap((a) => [
        ...a.problems,
        ...a.ops.flatMap((op) => (op.refused === undefined ? [] : [op.refused])),
      ]),
    ]),
  ];
}

const SIGN: Readonly<Record<string, string>> = {
  create: '+',
  update: '~',
  delete: '-',
  replace: '±',
  recreate: '±',
  adopt: '=',
  move: '>',
  unknown: '?',
};
const destructive = (action: string): boolean => ['delete', 'replace', 'recreate'].includes(action);
const toneOf = (action: string): Tone => (destructive(action) ? 'bad' : action === 'unknown' ? 'unknown' : 'warn');

function rootRow(r: RootPlan): Row {
  const label = [text(r.cluster === undefined ? r.root.replace(':', ' ') : `cluster ${r.cluster}`)];
  const base = { key: r.root, label, kids: [] };
  if (r.kind === 'failed')
    return {
      ...base,
      tone: 'bad',
      cells: {},
      why: [untrusted(`${r.problem.code} ${r.problem.title}: ${r.problem.why[0] ?? ''}`)],
    };
  if (r.kind === 'unchanged') return { ...base, tone: 'ok', cells: { changes: [text('unchanged')] } };
  if (r.kind === 'deferred')
    return {
      ...base,
      tone: 'wait',
      cells: { changes: [text(`at most ${r.envelope.allow.length} to create, after ${r.waitsFor.join(', ')}`)] },
    };
  return {
    ...base,
    tone: r.changes.some((c) => destructive(c.action)) ? 'bad' : 'warn',
    cells: { changes: [text(counted(r.changes.map((c) => c.action)))] },
    kids: r.changes.map((c) => ({
      key: c.address,
      tone: toneOf(c.action),
      label: [text(`${SIGN[c.action] ?? '?'} ${c.address.replace(/^module\.this\./, '')}`)],
      cells: {},
      kids: [],
    })),
  };
}

function counted(actions: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const a of actions) counts.set(a, (counts.get(a) ?? 0) + 1);
  return [...counts].map(([a, n]) => `${n} to ${a}`).join(', ');
}

function opRow(op: Op): Row {
  const name = `${op.ref.kind} ${op.ref.namespace === undefined ? '' : `${op.ref.namespace}/`}${op.ref.name}`;
  const kids =
    op.kind === 'update'
      ? op.diff
          .flatMap(told)
          .map((say): Row => ({ key: say, tone: 'warn', label: [untrusted(say)], cells: {}, kids: [] }))
      : [];
  return {
    key: name,
    tone: op.refused ? 'bad' : toneOf(op.kind),
    label: [text(`${SIGN[op.kind] ?? '?'} ${name}`)],
    cells: {},
    ...(op.refused === undefined ? {} : { why: [untrusted(op.refused.why[0] ?? op.refused.title)] }),
    kids,
  };
}

function appRow(a: AppPlan): Row {
  const changed = a.ops.filter(isChange);
  const same = a.ops.length - changed.length;
  const cell =
    changed.length === 0
      ? `unchanged (${same})`
      : `${counted(changed.map((o) => o.kind))}${same === 0 ? '' : `, ${same} unchanged`}`;
  return {
    key: a.app,
    tone: changed.length === 0 ? 'ok' : 'warn',
    label: [text(`app ${a.app}`)],
    cells: { changes: [text(cell)] },
    kids: changed.map(opRow),
  };
}

/** The plan for people: by cloud, cluster and DNS; unchanged is a count. */
export function planView(plan: Plan, at: number): View {
  const fleet = plan.fleet.clusters.map(
    (c): Row => ({
      key: c.name,
      tone: c.skipped ? 'unknown' : 'ok',
      label: [text(`on ${c.name}`)],
      cells: {},
      ...(c.skipped === undefined ? {} : { why: [untrusted(c.skipped.why[0] ?? c.skipped.title)] }),
      kids: c.apps.map(appRow),
    }),
  );
  const t = plan.traffic;
  const dns: Row[] =
    t === undefined
      ? []
      : [
          {
            key: 'dns',
            tone: t.changes.length === 0 ? 'ok' : 'warn',
            label: [text('traffic')],
            cells: { changes: [text(t.changes.length === 0 ? 'unchanged' : `${t.changes.length} changes`)] },
            kids: [
              ...t.changes.map((c): Row => ({ key: c, tone: 'warn', label: [untrusted(c)], cells: {}, kids: [] })),
              ...t.gaps.map((g): Row => ({ key: g, tone: 'unknown', label: [untrusted(g)], cells: {}, kids: [] })),
            ],
          },
        ];
  const n = changesOf(plan);
  return {
    at,
    rows: [
      ...plan.infra.roots.map(rootRow),
      ...fleet,
      ...plan.state.map(priceRow),
      ...dns,
      {
        key: 'id',
        tone: n.total === 0 ? 'ok' : 'wait',
        label: [
          text(
            n.total === 0
              ? `no change (plan ${plan.id})`
              : `plan ${plan.id}: ${n.infra} in the clouds, ${n.fleet} in the clusters, ${n.traffic} in DNS`,
          ),
        ],
        cells: {},
        kids: [],
      },
    ],
  };
}

/** The plan for machines; values are left to the places that mask them. */
export function planData(plan: Plan): Json {
  const n = changesOf(plan);
  return {
    id: plan.id,
    changes: n,
    presence: plan.infra.presence,
    roots: plan.infra.roots.map((r) => ({
      root: r.root,
      kind: r.kind,
      changes:
        r.kind === 'planned'
          ? r.changes.map((c) => ({ address: c.address, action: c.action, destroysCluster: c.destroysCluster }))
          : [],
    })),
    clusters: plan.fleet.clusters.map((c) => ({
      name: c.name,
      skipped: c.skipped?.code ?? null,
      apps: c.apps.map((a) => ({
        name: a.app,
        version: a.version,
        unchanged: a.ops.length - a.ops.filter(isChange).length,
        ops: a.ops.filter(isChange).map((op) => ({
          kind: op.kind,
          object: `${op.ref.kind}/${op.ref.name}`,
          namespace: op.ref.namespace ?? null,
          why: [...op.why],
          refused: op.refused?.code ?? null,
        })),
      })),
    })),
    state: toJson(plan.state.map((p) => ({ ...p, faults: p.faults.map((x) => x.code), prices: pricesOf(p) }))),
    traffic: plan.traffic === undefined ? null : { changes: [...plan.traffic.changes], gaps: [...plan.traffic.gaps] },
  };
}
