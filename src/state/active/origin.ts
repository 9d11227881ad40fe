// The origin rule, pure: under which name a Redis may take writes, and what has to happen before.
import type { ClusterName } from '../../kernel/index.ts';
import { covers, idAt, isAfter, type Origin, type Vector } from './ids.ts';
import type { ActiveLook } from './ports.ts';

/** What another cluster says of its Redis. `closed`: it has data and is not open. */
export type Says = 'silent' | 'empty' | 'closed' | 'open';

export interface OriginView {
  look: ActiveLook;
  /** All others, the nearest first. */
  others: readonly { cluster: ClusterName; says: Says }[];
  /** A name that was never used. */
  fresh: Origin;
  /** This process was filled by one that is open, and has everything that one had. */
  filled: boolean;
  /** The disk's log was written anew since this process loaded it. */
  rewritten: boolean;
}

/** Nothing is here: what to do depends on the others. */
export const isBlank = (look: ActiveLook): boolean =>
  look.role === 'primary' && look.me?.run !== look.run && Object.keys(look.vector).length === 0;

export type OriginStep =
  | { do: 'open'; origin: Origin }
  /** Full copy of an open cluster. */
  | { do: 'fill'; from: ClusterName }
  /**
   * What was loaded may end in the middle of a transaction. Redis (seen with 7.0.15) leaves the torn one on the disk, and
   * the next start takes it together with what came behind it.
   */
  | { do: 'rewrite' }
  /** It follows somebody for an agent that is gone. */
  | { do: 'detach' }
  | { do: 'wait'; what: 'redis' | 'disk' | 'clusters'; clusters?: readonly ClusterName[]; why: string };

/**
 * A process that had opened goes on under its name. One with data opens under a new name: what it lacks comes by the
 * senders. One without data is filled first, or begins when nobody has any.
 */
export function originStep(v: OriginView): OriginStep {
  const { look } = v;
  if (look.loading) return { do: 'wait', what: 'redis', why: 'Redis loads its data' };
  if (look.role === 'replica') return { do: 'detach' };
  if (look.me?.run === look.run) return { do: 'open', origin: look.me.origin };
  if (!v.filled && isBlank(look)) return beginning(v);
  return written(v);
}

function written({ look, ...v }: OriginView): OriginStep {
  if (!look.durable) return { do: 'wait', what: 'disk', why: 'Redis writes its data to disk' };
  if (look.me !== undefined && !v.filled && !v.rewritten) return { do: 'rewrite' };
  return { do: 'open', origin: v.fresh };
}

function beginning(v: OriginView): OriginStep {
  const open = v.others.find((o) => o.says === 'open');
  if (open !== undefined) return { do: 'fill', from: open.cluster };
  const missing = v.others.filter((o) => o.says !== 'empty').map((o) => o.cluster);
  if (missing.length === 0) return { do: 'open', origin: v.fresh };
  const why = `there is no data here, and there may be some in ${missing.join(', ')}`;
  return { do: 'wait', what: 'clusters', clusters: missing, why };
}

/** What a sender knows of an open peer. */
export interface PeerView {
  cluster: ClusterName;
  vector: Vector;
  /** Origins of which it has entries that are missing here and that its log cannot give any more. */
  trimmed: ReadonlySet<Origin>;
  /** Some of what it lacks is not in the log here any more. */
  beyond: boolean;
}

/**
 * TW5121: the peers whose full copy this Redis needs, because entries that it lacks are in nobody's log any more.
 * Empty = none is needed, or another log may still give them.
 */
export function needsCopyOf(here: Vector, peers: readonly PeerView[]): readonly PeerView[] {
  const origins = new Set(peers.flatMap((p) => [...p.trimmed]));
  const gone = [...origins].filter((o) => {
    const more = peers.filter((p) => isAfter(idAt(p.vector, o), idAt(here, o)));
    return more.length > 0 && more.every((p) => p.trimmed.has(o));
  });
  return peers.filter((p) => gone.some((o) => p.trimmed.has(o)));
}

/** A copy of that peer would lose nothing that only this Redis has. */
export const losesNothing = (here: Vector, peer: PeerView): boolean => covers(peer.vector, here);
