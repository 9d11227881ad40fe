import type { ClusterName, MemberEntry, MemberState } from '../../kernel/index.ts';
import { hasBegun, joining, peerUrl, type Start, standing } from './start.ts';

/** What a cluster has of its member. */
export interface Seat {
  start?: Start | undefined;
  /** uid of the volume that is there now. */
  volume?: string | undefined;
}
export interface MembersSeen {
  /** Clusters that shall have a member. */
  wanted: readonly ClusterName[];
  /** In the order of `wanted`. */
  states: readonly MemberState[];
  /** What a majority agrees on; undefined: there is none. */
  list: readonly MemberEntry[] | undefined;
  /** No entry: the cluster does not answer. */
  seats: Readonly<Partial<Record<ClusterName, Seat>>>;
}

export type MemberAction =
  /** This member has its data on that volume. */
  | { do: 'settle'; member: ClusterName; start: Start }
  | { do: 'promote'; member: ClusterName; id: bigint }
  /** Another one takes its place, or nobody wants it. */
  | { do: 'remove'; member: string; id: bigint; why: 'disk' | 'unwanted' }
  | { do: 'add'; member: ClusterName; url: string }
  /** Its blank disk starts as the member that was added. */
  | { do: 'join'; member: ClusterName; start: Start };

const follows = (s: MemberState | undefined): boolean => s?.up === true && s.leader !== 0n;

const isSettled = (s: Start | undefined, volume: string): boolean =>
  hasBegun(s) && s?.volume === volume && s.join === undefined && s.force === undefined;

class Round {
  readonly #x: MembersSeen;
  readonly list: readonly MemberEntry[];
  constructor(x: MembersSeen, list: readonly MemberEntry[]) {
    this.#x = x;
    this.list = list;
  }
  #state(m: ClusterName): MemberState | undefined {
    return this.#x.states.find((s) => s.name === m);
  }
  #entry(m: ClusterName): MemberEntry | undefined {
    return this.list.find((e) => e.peers.includes(peerUrl(m)));
  }
  /** Every voter but this one is up: one of them may be changed without a risk that another one is the last. */
  #othersUp(but: MemberEntry | undefined): boolean {
    const others = this.list.filter((e) => e.id !== but?.id && !e.learner);
    return others.every((e) => this.#x.wanted.some((m) => this.#entry(m)?.id === e.id && follows(this.#state(m))));
  }

  settle(): MemberAction[] {
    return this.#x.wanted.flatMap((member) => {
      const { volume, start } = this.#x.seats[member] ?? {};
      if (volume === undefined || !this.#takesPart(member) || isSettled(start, volume)) return [];
      return [{ do: 'settle' as const, member, start: standing(member, volume) }];
    });
  }
  /** It runs as the member of the list that has its place. */
  #takesPart(member: ClusterName): boolean {
    const s = this.#state(member);
    return s?.up === true && follows(s) && this.#entry(member)?.id === s.id;
  }

  promote(): MemberAction[] {
    return this.#x.wanted.flatMap((member) => {
      const s = this.#state(member);
      const entry = this.#entry(member);
      return entry?.learner === true && s?.up === true ? [{ do: 'promote' as const, member, id: entry.id }] : [];
    });
  }

  unwanted(): MemberAction[] {
    const urls = this.#x.wanted.map(peerUrl);
    const entry = this.list.find((e) => !e.peers.some((p) => urls.includes(p)));
    return entry !== undefined && this.#othersUp(entry)
      ? [{ do: 'remove', member: entry.name, id: entry.id, why: 'unwanted' }]
      : [];
  }

  replace(): MemberAction[] {
    const blank = this.#x.wanted.filter((m) => this.#isBlank(m));
    return blank.flatMap((member) => this.#replaced(member)).slice(0, 1);
  }
  /** Its disk is certainly not the one with which it was seen. */
  #isBlank(m: ClusterName): boolean {
    const seat = this.#x.seats[m];
    if (seat?.start === undefined || !hasBegun(seat.start) || this.#state(m)?.up === true) return false;
    return seat.start.volume === undefined || (seat.volume !== undefined && seat.volume !== seat.start.volume);
  }
  #replaced(member: ClusterName): MemberAction[] {
    const entry = this.#entry(member);
    const start = this.#x.seats[member]?.start;
    if (entry === undefined) {
      // One learner at a time.
      const may = this.#othersUp(undefined) && !this.list.some((e) => e.learner);
      return may ? [{ do: 'add', member, url: peerUrl(member) }] : [];
    }
    if (start?.join === entry.id.toString(16)) return [];
    if (entry.learner && entry.name === '') return [{ do: 'join', member, start: this.#joining(entry) }];
    return this.#othersUp(entry) ? [{ do: 'remove', member, id: entry.id, why: 'disk' }] : [];
  }
  #joining(entry: MemberEntry): Start {
    const named = this.list.flatMap((e) => this.#x.wanted.filter((m) => e.peers.includes(peerUrl(m))));
    return joining(named, entry.id);
  }
}

/**
 * What is to be done now that every cluster has a member of its own with its own disk; [] = nothing, or nothing yet.
 * One change of the membership at a time, and only while all other voters are up.
 */
export function tendMembers(x: MembersSeen): MemberAction[] {
  if (x.list === undefined) return [];
  const r = new Round(x, x.list);
  const settle = r.settle();
  if (settle.length > 0) return settle;
  for (const next of [r.promote(), r.unwanted(), r.replace()]) if (next.length > 0) return next;
  return [];
}

/** A member that was added and does not vote yet: it is on its way. */
export const arriving = (list: readonly MemberEntry[] | undefined): boolean => list?.some((e) => e.learner) ?? false;
