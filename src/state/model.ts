import type { ClusterName, Json } from '../kernel/index.ts';

export type AppId = string;
/** Redis' `run_id`: names one process. */
export type RunId = string;
/** One attempt to change home: the store's revision of the ballot key, so it is unique and only grows. 0 = none. */
export type Ballot = number;

/** Where a log ends: compare `epoch` first, then `offset`. `epoch` is read from the data (the marker), never polled. */
export interface Position {
  epoch: Ballot;
  /** Bytes applied. */
  offset: number;
  run: RunId;
}

/** One decided primacy. `epoch` is the ballot that was decided. */
export interface EpochValue {
  epoch: Ballot;
  primary: ClusterName;
  /** What the primary had when it was chosen; only this process may be promoted. */
  from: Position;
  /** Voters whose copy counts. */
  copies: readonly ClusterName[];
  /** Acknowledgements beside the primary's own copy that a write needs. */
  w: number;
  /** Clusters whose copy counts from this epoch on; absent: those that the agents were told. */
  voters?: readonly ClusterName[];
  /** The snapshot whose data took the place of all that was there; what was proved for this ballot proves nothing. */
  restored?: string;
}

/** A report: what a Redis held when it was fenced for `ballot`; `none` = not provable. */
export interface FenceReport {
  ballot: Ballot;
  at: Position | 'none';
}
/** The process of a voter whose position is valid; `seal`: what an orderly stop left on disk. */
export interface ValidRun {
  run: RunId;
  epoch: Ballot;
  seal?: Position;
}
export interface BallotView {
  n: Ballot;
  by: ClusterName;
  why: string;
  prefer?: ClusterName;
  /** Who shall have the copies that count, if all of them turn out to have everything. */
  voters?: readonly ClusterName[];
}
/** What one cluster thinks of the primary of `epoch`; leased, decides only when to try. */
export interface Opinion {
  epoch: Ballot;
  gone: boolean;
}
/** A planned change for which gateways keep new writes back; leased. */
export interface Hold {
  by: ClusterName;
  to: ClusterName;
  /** Who shall have the copies that count; `to` stays home, or becomes it. */
  voters?: readonly ClusterName[];
  /** The snapshot that is being restored: nobody decides the ballot that waits but whoever restores. */
  restore?: string;
}

/** The store's entries of one app at one moment. `revision` fields are what guards name. */
export interface StoreView {
  /** Of the store. */
  revision: number;
  /** True: a linearizable read; false: a watch or a local read, perhaps stale. */
  fresh: boolean;
  epoch?: { value: EpochValue; revision: number };
  ballot?: BallotView;
  fences: Readonly<Record<ClusterName, FenceReport>>;
  opinions: Readonly<Record<ClusterName, Opinion>>;
  runs: Readonly<Record<ClusterName, { value: ValidRun; revision: number }>>;
  hold?: Hold;
  /** Revision of each agent's last word that it is there, where there are two voters. */
  beats?: Readonly<Record<ClusterName, number>>;
}

/** What an open ballot lacks: proofs of copies. */
export interface Lacking {
  /** Whose. */
  clusters: readonly ClusterName[];
  /** How many of them are enough. */
  enough: number;
  /** Who has most of those who have proved theirs. */
  best?: ClusterName;
}

/** What a Redis has too little of. As a primary it refuses writes for it, before they have any effect. */
export interface Shortage {
  of: 'memory' | 'disk';
  /** Bytes; absent where nobody can say. */
  used?: number;
  limit?: number;
}

/** What one connection saw of the local Redis. */
export interface Look {
  run: RunId;
  /** `fenced`: follows nobody (the dead master), takes no write. */
  role: 'primary' | 'replica' | 'fenced';
  /** Of a replica: the link to its primary is up and no full sync runs. */
  link: boolean;
  /** `master_repl_offset` of a primary, else the applied offset. Bytes. */
  offset: number;
  /** What the marker in the data says; absent = there is none. */
  marker?: { epoch: Ballot; w: number };
  loading: boolean;
  /** A full sync is being received. */
  syncing: boolean;
  /** Replicas that are attached. */
  replicas: number;
  /** No key, no marker, offset 0, never followed anybody. */
  virgin: boolean;
  /** TW5113. */
  short?: readonly Shortage[];
}

export interface Guard {
  key: string;
  /** 0 = the key does not exist. */
  revision: number;
}
export interface Put {
  key: string;
  value: Json;
  /** The key goes when this agent's lease ends. */
  leased?: true;
}
/** Keys are relative to the app's prefix in the store. */
export interface StateTxn {
  if: readonly Guard[];
  put: readonly Put[];
  remove?: readonly string[];
}

/** Who the agent is; fixed while it runs. */
export interface Setup {
  me: ClusterName;
  /** Data clusters whose copy counts: 2, 3 or 5, sorted; until an epoch names others. */
  voters: readonly ClusterName[];
  /** Whose opinions open a ballot: the voters, or the store's members where there are two voters. */
  judges: readonly ClusterName[];
  /** Preferred first home. */
  home?: ClusterName;
}

/** What the agent remembers; nothing of it outlives its process, promises live in the store. */
export interface AgentState {
  setup: Setup;
  /** The process this memory is about; another one = all is forgotten. */
  run?: RunId;
  /** Views of older ballots are not acted on; set by a linearizable read after every start. Absent = none yet. */
  least?: Ballot;
  /** Ballot of the last confirmed fence, 0 = none. */
  fenced: Ballot;
  /** What the fence read back. */
  stood?: Look;
  /** Epoch that this Redis was promoted or attached for, 0 = none. */
  applied: Ballot;
  /** `run/<me>` was rewritten since the start: no write of an earlier agent to it can land any more. */
  claimed: boolean;
  /** Offset of the epoch's primary, read after the link was seen up; reached = the data is whole. */
  need?: number;
  /** A write whose fate is not known: a linearizable read comes before anything else. */
  reread: boolean;
  /** Orderly stop: asked for, then on disk, then told to the store. */
  leaving?: 'asked' | 'saved' | 'sealed';
  /** The command that runs; one at a time. */
  busy?: Command;
}

/** Work for the shell; each ends with one event `done`. */
export type Command =
  | { do: 'read' }
  | { do: 'fence'; ballot: Ballot }
  | { do: 'promote'; v: EpochValue; run: RunId }
  /** The first of `from` that lets it in; `counts`: its acknowledgements are those of a voter. */
  | { do: 'follow'; v: EpochValue; run: RunId; from: readonly ClusterName[]; counts: boolean }
  /** Asks the primary of `epoch` for its offset. */
  | { do: 'measure'; primary: ClusterName; epoch: Ballot }
  | { do: 'txn'; why: TxnKind; txn: StateTxn }
  /** Fences, then makes what is in memory safe on disk. */
  | { do: 'save'; ballot: Ballot }
  /** Ends Redis; with `lose` one that cannot be fenced. */
  | { do: 'shutdown'; lose: boolean };
export type TxnKind = 'ballot' | 'report' | 'decide' | 'run' | 'claim' | 'seal' | 'opinion';

export type AgentEvent =
  /** The newest view and look; given whenever one of them changed and nothing runs. */
  | { is: 'see'; view: StoreView; look: Look | undefined; seen: Circumstances }
  /** SIGTERM. */
  | { is: 'leave' }
  | { is: 'done'; of: 'fence' | 'save'; result: Fenced | Unconfirmed }
  | { is: 'done'; of: 'promote' | 'follow'; result: Done | Unconfirmed }
  | { is: 'done'; of: 'measure'; offset: number | undefined }
  | { is: 'done'; of: 'txn'; result: 'ok' | 'stale' | 'unknown' }
  | { is: 'done'; of: 'read' | 'shutdown' };

/** What clocks and pings say; decides when to try, never what is allowed. */
export interface Circumstances {
  /** No answer from the epoch's primary for D. */
  gone: boolean;
  /** An open ballot has not moved for 2 s. */
  stuck: boolean;
  /** Fences have been unconfirmed for 5 s. */
  hung: boolean;
  /** A planned move: writes are paused here, and this cluster has all of them. */
  level?: ClusterName;
  /** The same for a change of the voters: all of these have all writes, and `level` is the next home. */
  voters?: readonly ClusterName[];
  /** An orderly stop of home gives it away first. */
  handing?: boolean;
  /** Of two voters the other one: it answers nobody here, and the store, which does hear this one, does not hear it. */
  lost?: ClusterName;
}

export interface Fenced {
  is: 'fenced';
  look: Look;
}
/** It may have happened, in part or not at all. */
export interface Unconfirmed {
  is: 'unconfirmed';
  why: string;
}
/** `refused`: certainly nothing changed, for instance another process answers. */
export type Done = { is: 'done' } | { is: 'refused'; why: string };
