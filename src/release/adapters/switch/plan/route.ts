import { dictOf, equal, type KubeObject, listOf, textOf, versionedName } from '../../../../fleet/index.ts';
import type { VersionId } from '../../../model.ts';
import {
  APP_LABEL,
  type At,
  edited,
  firstNotes,
  guards,
  type Noted,
  noted,
  noteOps,
  notesOver,
  type PatchOp,
  repair,
  type Target,
  toldBy,
} from './notes.ts';

export const GATEWAY_API = 'gateway.networking.k8s.io';
export const PREVIEW_HEADER = 'x-tradewind-preview';
const FULL = 100;

/** The HTTPRoute of one app: every version has the backend Service `versionedName(service, version)`. */
export interface RouteShape {
  app: string;
  namespace: string;
  /** What users type. */
  host: string;
  service: string;
  port: number;
  gateway: { namespace: string; name: string };
}
type Dict = Record<string, unknown>;
export const routeName = (s: RouteShape): { live: string; preview: string } => ({
  live: s.app,
  preview: `${s.app}-preview`,
});

const backend = (s: RouteShape, version: VersionId, weight: number): Dict => ({
  group: '',
  kind: 'Service',
  name: versionedName(s.service, version),
  port: s.port,
  weight,
});
const EVERYTHING = [{ path: { type: 'PathPrefix', value: '/' } }];

function body(s: RouteShape, name: string, more: { annotations?: Record<string, string>; rules: Dict[] }): KubeObject {
  const { annotations, rules } = more;
  const parent = { group: GATEWAY_API, kind: 'Gateway', ...s.gateway };
  return {
    apiVersion: `${GATEWAY_API}/v1`,
    kind: 'HTTPRoute',
    metadata: {
      name,
      namespace: s.namespace,
      labels: { [APP_LABEL]: s.app },
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: { parentRefs: [parent], hostnames: [s.host], rules },
  };
}

export const newRoute = (s: RouteShape, live: VersionId): KubeObject =>
  body(s, routeName(s).live, {
    annotations: firstNotes(live),
    rules: [{ matches: EVERYTHING, backendRefs: [backend(s, live, FULL)] }],
  });

export const rulesOf = (o: KubeObject): Dict[] => listOf(dictOf(o['spec'])['rules']);
export const refsOf = (rule: Dict): Dict[] => listOf(rule['backendRefs']);
const weightOf = (ref: Dict): number => (typeof ref['weight'] === 'number' ? ref['weight'] : 1);

/** Version of a backend reference that is ours: a Service of this namespace with the name of a known version. */
function versionOf(s: RouteShape, versions: readonly VersionId[], ref: Dict): VersionId | undefined {
  const here = ref['namespace'] === undefined || ref['namespace'] === s.namespace;
  const service = (textOf(ref['kind']) ?? 'Service') === 'Service' && (textOf(ref['group']) ?? '') === '';
  return here && service ? versions.find((v) => versionedName(s.service, v) === ref['name']) : undefined;
}

/** Positions of the rules that have backends of ours; each is moved by every flip. */
function ruled(s: RouteShape, o: KubeObject, versions: readonly VersionId[]): number[] {
  return rulesOf(o).flatMap((rule, i) =>
    refsOf(rule).some((ref) => versionOf(s, versions, ref) !== undefined) ? [i] : [],
  );
}

const sayRefs = (rule: Dict): string =>
  refsOf(rule)
    .map((r) => `${textOf(r['name']) ?? ''} ${weightOf(r)}`)
    .join(', ') || 'no backends';

/** Whether the rule gives the live version its weight and our others none. */
function agrees(s: RouteShape, n: Noted, rule: Dict): boolean {
  const ours = refsOf(rule).flatMap((ref) => {
    const version = versionOf(s, n.versions, ref);
    return version === undefined ? [] : [{ version, weight: weightOf(ref) }];
  });
  return (
    ours.some((r) => r.version === n.state.live && r.weight > 0) &&
    ours.every((r) => r.version === n.state.live || r.weight === 0)
  );
}

/** What the switch says. Throws TW7021 when annotations and weights disagree: then neither is trusted. */
export function routeState(s: RouteShape, at: At): Noted {
  const n = noted(at);
  const rules = rulesOf(at.object);
  const mine = ruled(s, at.object, n.versions);
  const wrong = mine.find((i) => !agrees(s, n, rules[i] ?? {}));
  if (mine.length > 0 && wrong === undefined) return n;
  const shown = wrong === undefined ? rules.map(sayRefs).join(' | ') : `rule ${wrong}: ${sayRefs(rules[wrong] ?? {})}`;
  const back = mine.flatMap((i) => weights(s, at, i, { live: n.state.live, wanted: n.versions, known: n.versions }));
  throw edited(at, {
    field: ['spec', 'rules'],
    expected: `all weight on ${versionedName(s.service, n.state.live)}`,
    found: shown,
    ...(mine.length > 0 ? { fix: repair(at.object, [...guards(n.state), ...back]) } : {}),
  });
}

interface Want {
  live: VersionId;
  /** Versions that shall have a backend, and those that have one. */
  wanted: readonly VersionId[];
  known: readonly VersionId[];
}

/** The backends of rule `i` with all weight on `live`; those of other people stay where and as they are. */
function weights(s: RouteShape, at: At, i: number, want: Want): PatchOp[] {
  const { live, wanted } = want;
  const before = refsOf(rulesOf(at.object)[i] ?? {});
  const versions = before.map((ref) => versionOf(s, [...want.known, ...wanted], ref));
  const model = before[versions.findIndex((v) => v !== undefined)] ?? {};
  const kept = before.flatMap((ref, j): Dict[] => {
    const version = versions[j];
    if (version === undefined) return [ref];
    return wanted.includes(version) ? [{ ...ref, weight: version === live ? FULL : 0 }] : [];
  });
  const added = wanted
    .filter((v) => !versions.includes(v))
    .map((v) => ({ ...model, name: versionedName(s.service, v), weight: v === live ? FULL : 0 }));
  const after = [...kept, ...added];
  return equal(before, after) ? [] : [{ op: 'replace', path: `/spec/rules/${i}/backendRefs`, value: after }];
}

/**
 * One patch: tests of uid, fence and all rules as they were read (names, weights and number: an edit in
 * between makes it fail), then annotations and the weights of every rule of ours.
 */
export function routePatch(s: RouteShape, at: At, to: Target, keep: readonly VersionId[]): PatchOp[] {
  const n = routeState(s, at);
  const rules = rulesOf(at.object);
  const wanted = [...new Set([...keep, to.live])];
  return [
    ...guards(n.state),
    { op: 'test', path: '/spec/rules', value: rules },
    ...noteOps(to, keep.length > 0 ? keep : wanted, n.state.uid),
    ...ruled(s, at.object, n.versions).flatMap((i) => weights(s, at, i, { live: to.live, wanted, known: n.versions })),
  ];
}

/** The version that every rule of ours sends all requests to; absent: none, or not one alone. */
export function servesOf(s: RouteShape, o: KubeObject, versions: readonly VersionId[]): VersionId | undefined {
  const found = rulesOf(o)
    .flatMap(refsOf)
    .filter((ref) => weightOf(ref) > 0)
    .map((ref) => versionOf(s, versions, ref))
    .filter((v) => v !== undefined);
  return new Set(found).size === 1 ? found[0] : undefined;
}

/** Notes and weights as a person decided, over whatever is there. Throws TW7021 when no rule has a backend of ours. */
export function routeTake(s: RouteShape, at: At, to: Target, keep: readonly VersionId[]): PatchOp[] {
  const told = toldBy(at.object);
  const wanted = [...new Set([...keep, to.live])];
  const known = [...new Set([...told.versions, ...wanted])];
  const mine = ruled(s, at.object, known);
  if (mine.length === 0)
    throw edited(at, {
      field: ['spec', 'rules'],
      expected: `a backend ${versionedName(s.service, to.live)}`,
      found: rulesOf(at.object).map(sayRefs).join(' | '),
      fix: { say: 'Delete the route, then adopt: it is made anew.' },
    });
  return [
    { op: 'add', path: '/metadata/annotations', value: notesOver(at.object, to, keep.length > 0 ? keep : wanted) },
    ...mine.flatMap((i) => weights(s, at, i, { live: to.live, wanted, known })),
  ];
}

/** The preview: the live route's own rules, for requests with the header only, to one version. */
export function previewRoute(
  s: RouteShape,
  version: VersionId,
  secret: string,
  live: { route: KubeObject; versions: readonly VersionId[] } | undefined,
): KubeObject {
  const header = { type: 'Exact', name: PREVIEW_HEADER, value: secret };
  const models = live === undefined ? [] : ruled(s, live.route, live.versions).map((i) => rulesOf(live.route)[i] ?? {});
  const rules = (models.length > 0 ? models : [{ matches: EVERYTHING }]).map((rule) => {
    const matches = listOf(rule['matches']);
    return {
      ...rule,
      matches: (matches.length > 0 ? matches : EVERYTHING).map((m) => ({
        ...m,
        headers: [...listOf((m as Dict)['headers']), header],
      })),
      backendRefs: [backend(s, version, 1)],
    };
  });
  return body(s, routeName(s).preview, { rules });
}
