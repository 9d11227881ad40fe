import type { Args } from '../api.ts';
import { session } from '../store.ts';

export type Kind = 'safe' | 'forward' | 'rule' | 'decide';
/** What an act would touch: one app or (null) the fleet, in these clusters or (absent) in all. */
export interface Reach {
  app: string | null;
  clusters?: readonly string[] | undefined;
  /** Where exactly is asked later: a right on anything of it will do. */
  some?: boolean;
}

const RANK = { look: 0, operate: 1, admin: 2 } as const;
const RIGHT = { safe: 'safe', forward: 'forward', rule: 'rule', decide: 'approve' } as const;

const textOf = (v: Args[string] | undefined): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined);

/** As the arguments of the verb say it. */
export function reachOf(args: Args): Reach {
  const app = textOf(args['app']) ?? textOf(args['target'])?.split('@')[0] ?? null;
  const one = textOf(args['cluster']);
  const on = Array.isArray(args['on']) ? (args['on'] as readonly string[]) : [];
  return { app, clusters: one !== undefined ? [one] : on.length > 0 ? on : undefined };
}

function missingRole(kind: Kind): string | undefined {
  const needs = kind === 'rule' ? 'admin' : 'operate';
  const has = session.value?.role ?? 'look';
  return RANK[has] >= RANK[needs] ? undefined : `your sign-in (${has}) may not: it needs ${needs}`;
}

type Allowed = NonNullable<NonNullable<typeof session.value>['allowed']>;

/** Every place of it, or where that is asked later any. */
function covers(places: readonly string[], { app, clusters, some }: Reach): boolean {
  if (some === true && places.length > 0) return true;
  const wanted = clusters ?? session.value?.clusters ?? [];
  return wanted.every((k) => places.includes(`${app ?? '*'} ${k}`));
}

function lacks({ person, rights }: Allowed, right: keyof Allowed['rights'], { app }: Reach): string {
  const { holders } = rights[right];
  const may = holders.length === 0 ? 'nobody may everywhere' : `may: ${holders.join(', ')}`;
  return `${person ?? 'an account that is nobody’s'} has no right "${right}" on ${app ?? 'the fleet'}; ${may}`;
}

/** Why this person may not; a hint only: the server decides. */
export function missingRight(kind: Kind, reach: Reach): string | undefined {
  const role = missingRole(kind);
  const allowed = session.value?.allowed ?? null;
  if (role !== undefined || allowed === null) return role;
  const right = RIGHT[kind];
  return covers(allowed.rights[right].places, reach) ? undefined : lacks(allowed, right, reach);
}
