import { dictOf, type KubeObject, sayRef, textOf } from '../../../../fleet/index.ts';
import { type ClusterName, type Fix, fault, LABEL_PREFIX, type TwError } from '../../../../kernel/index.ts';
import type { Reason, SwitchState, VersionId } from '../../../model.ts';

/** Field manager of everything this room writes. */
export const MANAGER = 'tradewind-release';
export const VERSION_LABEL = `${LABEL_PREFIX}/version`;
export const APP_LABEL = `${LABEL_PREFIX}/app`;

const key = (name: string): string => `${LABEL_PREFIX}/${name}`;
/** `of`: uid of the object the notes were written to; a copy of the object shows by it. */
const KEYS = ['fence', 'epoch', 'release', 'vote', 'live', 'versions', 'of'] as const;
type Notes = Record<(typeof KEYS)[number], string>;

export interface PatchOp {
  op: 'test' | 'add' | 'replace';
  path: string;
  value: unknown;
}
export interface At {
  cluster: ClusterName;
  object: KubeObject;
}
export type Target = Omit<SwitchState, 'uid'>;

/** What the annotations say; `versions` = those that are known to the switch, the live one first. */
export interface Noted {
  state: SwitchState;
  versions: readonly VersionId[];
}
/** All that the annotations tell, also when some are lost or they are of another object. */
export interface Told {
  state?: SwitchState;
  /** As the last writer had them: the old version first. */
  versions: readonly VersionId[];
}

export const sayObject = (o: KubeObject): string =>
  sayRef({ group: '', kind: o.kind, name: o.metadata.name, namespace: o.metadata.namespace ?? '' });

function notesOf(to: Target, versions: readonly VersionId[], uid: string): Notes {
  return {
    fence: String(to.fence),
    epoch: String(to.epoch),
    release: to.release,
    vote: String(to.vote),
    live: to.live,
    versions: versions.join(','),
    of: uid,
  };
}
const BORN: Omit<Target, 'live'> = { fence: 0, epoch: 0, release: '', vote: false };

/** Annotations of a switch that is made; its uid is not known yet. */
export function firstNotes(live: VersionId): Record<string, string> {
  return Object.fromEntries(Object.entries(notesOf({ ...BORN, live }, [live], '')).map(([k, v]) => [key(k), v]));
}

export const pointer = (...parts: readonly string[]): string =>
  parts.map((p) => `/${p.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
const notePath = (name: string): string => pointer('metadata', 'annotations', key(name));

/** Tests of this very object at this very fence. */
export const guards = (from: { uid: string; fence: number }): PatchOp[] => [
  { op: 'test', path: '/metadata/uid', value: from.uid },
  { op: 'test', path: notePath('fence'), value: String(from.fence) },
];
export const noteOps = (to: Target, versions: readonly VersionId[], uid: string): PatchOp[] =>
  Object.entries(notesOf(to, versions, uid)).map(([k, value]) => ({ op: 'add', path: notePath(k), value }));

export const hasNotes = (o: KubeObject): boolean => KEYS.some((k) => o.metadata.annotations?.[key(k)] !== undefined);

/** The annotations as a state; else what is wrong with them. */
function parse(o: KubeObject): Noted | { expected: string; found: string } {
  const notes = o.metadata.annotations ?? {};
  const { uid = '' } = o.metadata;
  const lost = KEYS.filter((k) => notes[key(k)] === undefined);
  if (lost.length > 0)
    return { expected: `annotations ${lost.map(key).join(', ')}`, found: `${lost.length} of ${KEYS.length} are gone` };
  const at = Object.fromEntries(KEYS.map((k) => [k, notes[key(k)] ?? ''])) as Notes;
  if (at.of !== '' && at.of !== uid)
    return { expected: `the object with uid ${at.of}`, found: `a copy with uid ${uid}` };
  const odd = (['fence', 'epoch'] as const).find((k) => !/^\d{1,15}$/.test(at[k]));
  if (odd !== undefined) return { expected: `a number in ${key(odd)}`, found: `"${at[odd]}"` };
  const [fence, epoch] = [Number(at.fence), Number(at.epoch)];
  const state = { uid, fence, epoch, release: at.release, vote: at.vote === 'true', live: at.live };
  return { state, versions: [...new Set([at.live, ...at.versions.split(',')])].filter((v) => v !== '') };
}

export function toldBy(o: KubeObject): Told {
  const said = parse(o);
  const versions = (o.metadata.annotations?.[key('versions')] ?? '').split(',').filter((v) => v !== '');
  return 'state' in said ? { state: said.state, versions } : { versions };
}

/** Annotations of a switch that is taken over, beside those of others. */
export const notesOver = (
  o: KubeObject,
  to: Target,
  versions: readonly VersionId[],
): Readonly<Record<string, string>> => ({
  ...o.metadata.annotations,
  ...Object.fromEntries(Object.entries(notesOf(to, versions, o.metadata.uid ?? '')).map(([k, v]) => [key(k), v])),
});

/** Tests of this object exactly as it was read: also against changes that know no fence. */
export const readAs = (from: { uid: string; at: string }): PatchOp[] => [
  { op: 'test', path: '/metadata/uid', value: from.uid },
  { op: 'test', path: '/metadata/resourceVersion', value: from.at },
];

/** What the annotations say. Throws TW7021 when they were lost or changed, or the object is a copy. */
export function noted(at: At): Noted {
  const said = parse(at.object);
  if ('state' in said) return said;
  throw edited(at, { field: ['metadata', 'annotations'], ...said });
}

export interface Difference {
  /** Path of the field, for its owner. */
  field: readonly string[];
  expected: string;
  found: string;
  fix?: Fix;
}

const REMAKE: Fix = {
  say: 'Put the annotations back as they were.',
};

/** The line that takes the switch over again; its app is a label of the object. */
function takeIt(at: At): Fix[] {
  const app = at.object.metadata.labels?.[APP_LABEL];
  if (app === undefined) return [];
  return [{ say: 'Or let Tradewind take it again, as it says first:', command: `tw adopt ${app} --on ${at.cluster}` }];
}

/** TW7021: what was expected and found, who changed it and when. */
export function edited(at: At, d: Difference): TwError {
  const who = lastOther(at.object, d.field);
  const by =
    who === undefined ? '' : `; last changed by ${who.manager}${who.time === undefined ? '' : ` at ${who.time}`}`;
  const resource = sayObject(at.object);
  return fault('TW7021', {
    value: resource,
    where: [{ cluster: at.cluster, resource, path: d.field.join('.') }],
    why: [`${resource} on ${at.cluster}: expected ${d.expected}, found ${d.found}${by}`],
    fix: [d.fix ?? REMAKE, ...takeIt(at)],
  });
}

interface Owner {
  manager: string;
  time?: string;
}

/** Whether a `fieldsV1` tree has the field, or a parent of it as a whole. */
function owns(fields: unknown, path: readonly string[]): boolean {
  let at = dictOf(fields);
  for (const part of path) {
    const next = at[`f:${part}`];
    if (next === undefined) return false;
    at = dictOf(next);
    if (Object.keys(at).length === 0) return true;
  }
  return true;
}

const foreign = (o: KubeObject): Required<KubeObject['metadata']>['managedFields'] =>
  (o.metadata.managedFields ?? [])
    .filter((m) => m.manager !== MANAGER && m.subresource === undefined)
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));

const ownerOf = (m: { manager: string; time?: string } | undefined): Owner | undefined =>
  m === undefined ? undefined : { manager: m.manager, ...(m.time === undefined ? {} : { time: m.time }) };

/** The other manager that wrote last: of this field, else of anything. */
function lastOther(o: KubeObject, field: readonly string[]): Owner | undefined {
  const others = foreign(o);
  return ownerOf(others.find((m) => owns(m.fieldsV1, field)) ?? others[0]);
}

// Edits of a person, once. What they left agrees with the annotations, else it were TW7021.
const BY_HAND = ['kubectl-edit', 'kubectl-patch', 'kubectl-annotate', 'kubectl-label'];

/** Other programs that own the field: they would write it back some time after a flip. */
export const foreignOwners = (o: KubeObject, field: readonly string[]): Owner[] =>
  foreign(o)
    .filter((m) => !BY_HAND.includes(m.manager) && owns(m.fieldsV1, field))
    .map((m) => ownerOf(m) as Owner);

/** TW7003: object, field or owner, fix; in one line. */
export function unsafe(cluster: ClusterName, object: string, what: string, fix: string): Reason {
  return { code: 'TW7003', say: `${object} on ${cluster}: ${what}; fix: ${fix}`, cluster };
}

/** The line to paste that puts values back, guarded like every write. */
export function repair(o: KubeObject, ops: readonly PatchOp[]): Fix {
  const resource = `${o.kind.toLowerCase()} ${o.metadata.name}`;
  const patch = JSON.stringify(ops).replaceAll("'", String.raw`'\''`);
  return {
    say: 'Put back what the annotations say:',
    command: `kubectl -n ${textOf(o.metadata.namespace) ?? 'default'} patch ${resource} --type=json -p '${patch}'`,
  };
}
