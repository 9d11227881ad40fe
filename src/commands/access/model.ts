import type { Code, Json } from '../../kernel/index.ts';
import type { Facts } from './machine/facts.ts';

/** Who stands at a door, as the door can prove it; a display name is never part of it. */
export interface Identity {
  /** os, http, slack, github, xmpp, lab. */
  platform: string;
  /** Workspace or host the actor id belongs to; empty where ids are global. */
  tenant: string;
  /** The id that the platform never changes. */
  actor: string;
}

/** `os:anna`, `slack:T1:U1`: how an account is written in the config and in the book. */
export const accountOf = (i: Identity): string => [i.platform, i.tenant, i.actor].filter((p) => p !== '').join(':');

/** Through which door a command came, and whose account sent it. */
export interface Caller {
  door: string;
  identity: Identity;
  /** Id of the command where the door gave it one. */
  command?: string;
}

export interface Person {
  name: string;
  groups: readonly string[];
}

/** Classes of verbs a rule grants; `destroy` comes on top of `forward`, and so does `break-glass` during a freeze. */
export type Right = 'look' | 'safe' | 'forward' | 'destroy' | 'rule' | 'approve' | 'break-glass';

/** Absent = everything, also what belongs to no app. */
export interface Reach {
  apps?: readonly string[] | undefined;
  clusters?: readonly string[] | undefined;
}

export interface Rule extends Reach {
  who: readonly string[];
  may: readonly Right[];
}

export interface ApprovalRule extends Reach {
  verbs?: readonly string[] | undefined;
  quorum: number;
  from?: readonly string[] | undefined;
  notRequester: boolean;
  ttlMs: number;
}

export interface Policy {
  people: Readonly<Record<string, { accounts: readonly string[]; groups: readonly string[] }>>;
  rights: readonly Rule[];
  approvals: readonly ApprovalRule[];
  /** Moves with every change of the three. */
  digest: string;
}

/** What a command would touch. */
export interface Target {
  fleet: string;
  /** undefined: the fleet as a whole, not one app. */
  app: string | undefined;
  clusters: readonly { name: string; cloud: string; region: string }[];
}

export type Verdict = { ok: true; why: string } | { ok: false; code: Code; why: string; wouldPass: readonly string[] };

export interface Vote {
  person: string;
  says: 'yes' | 'no';
  at: number;
  because?: string;
}

/** One question to persons: may exactly this be done? */
export interface Approval {
  id: string;
  /** Digest of everything it is bound to. */
  bound: string;
  /** Digest of the question without the plan: the same wish again is found by it. */
  wish: string;
  verb: string;
  args: Json;
  /** Id of what the verb would do; null: of a `tw` that did not look. */
  plan: string | null;
  /** The same as named values. */
  facts?: Facts;
  /** Digests of the config and of people, rights and approvals. */
  config?: string;
  policy?: string;
  app: string | null;
  clusters: readonly string[];
  requester: string;
  openedAt: number;
  until: number;
  quorum: number;
  from: readonly string[] | null;
  notRequester: boolean;
  votes: readonly Vote[];
  state: 'open' | 'granted' | 'denied' | 'used' | 'void';
  /** Why it is void. */
  why?: string;
}

/** Stops what goes forward: a freeze stops everybody, a lock everybody but its owner. */
export interface Barrier extends Reach {
  id: string;
  kind: 'freeze' | 'lock';
  by: string;
  because: string;
  at: number;
  /** Unix milliseconds; null = until it is lifted. */
  until: number | null;
  /** End in the time zone of the calendar that raised it; absent: a person did. */
  local?: string;
}

export interface Incident {
  id: string;
  by: string;
  because: string;
  at: number;
  endedAt: number | null;
  endedBy: string | null;
  /** Freeze that it raised; null: it was opened because somebody broke the glass. */
  freeze: string | null;
}

/** One link of the audit: `hash` covers the record before it and everything in this one. */
export interface AuditRecord {
  n: number;
  at: number;
  what: string;
  person: string | null;
  door: string;
  account: string | null;
  command: string;
  data: Json;
  prev: string;
  hash: string;
}
