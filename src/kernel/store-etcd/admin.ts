import { bytes, LED } from './keys.ts';
import { type EtcdOptions, type Member, Members, unreachable } from './members.ts';
import { reasonOf } from './reasons.ts';

/** What one member says of itself. */
export type MemberState =
  | { name: string; up: false; why: string }
  | {
      name: string;
      up: true;
      id: bigint;
      /** 0n: it sees none. */
      leader: bigint;
      term: bigint;
      /** Of the raft log: how far it has come. */
      index: bigint;
      version: string;
      bytes: number;
      learner: boolean;
      alarms: readonly string[];
    };
export interface MemberEntry {
  id: bigint;
  /** Empty: it never started. */
  name: string;
  peers: readonly string[];
  learner: boolean;
}

/** Members of etcd as those who look after them see them. */
export class EtcdAdmin {
  readonly #members: Members;
  readonly #root: string;

  constructor(o: EtcdOptions) {
    this.#root = o.root;
    this.#members = new Members(o);
  }

  /** Every member at once, each with its own deadline; never throws. */
  async status(): Promise<MemberState[]> {
    return await Promise.all(this.#members.all.map((m) => this.#look(m)));
  }

  /** Throws TW1020. */
  async list(): Promise<MemberEntry[]> {
    const { members } = await this.#members.ask('members', (m, o) =>
      m.cluster.memberList({ linearizable: true }, { ...o, ...LED }),
    );
    return members.map((m) => ({ id: m.ID, name: m.name, peers: m.peerURLs, learner: m.isLearner }));
  }

  /** Makes `to` the leader; nothing when it is. Throws TW1020. */
  async moveLeader(to: bigint): Promise<void> {
    const states = await this.status();
    const at = states.findIndex((s) => s.up && s.id === s.leader);
    const leader = this.#members.all[at];
    const state = states[at];
    if (leader === undefined || state?.up !== true) throw unreachable('leader', ['no member says that it leads']);
    if (state.id === to) return;
    await leader.maintenance.moveLeader({ targetID: to }, { timeoutMs: this.#members.timeoutMs, ...LED });
  }

  /** The address under which the others reach a voter; a learner would be forgotten to be one (3.6). Throws TW1020. */
  async movePeer(id: bigint, url: string): Promise<void> {
    await this.#members.ask('member', (m, o) => m.cluster.memberUpdate({ ID: id, peerURLs: [url] }, { ...o, ...LED }));
  }

  /**
   * Adds a learner, which does not count until it is promoted. Throws TW1020, also while another one is not
   * promoted.
   */
  async addLearner(url: string): Promise<bigint> {
    const { member } = await this.#members.ask('member', (m, o) =>
      m.cluster.memberAdd({ peerURLs: [url], isLearner: true }, { ...o, ...LED }),
    );
    return member?.ID ?? 0n;
  }

  /** Makes a learner that has caught up a voter. Throws TW1020. */
  async promote(id: bigint): Promise<void> {
    await this.#members.ask('member', (m, o) => m.cluster.memberPromote({ ID: id }, { ...o, ...LED }));
  }

  /** Throws TW1020. */
  async remove(id: bigint): Promise<void> {
    await this.#members.ask('member', (m, o) => m.cluster.memberRemove({ ID: id }, { ...o, ...LED }));
  }

  /** Writes something that nobody reads. Throws TW1020. */
  async nudge(): Promise<void> {
    const put = { key: bytes(`${this.#root}nudged`), value: bytes('') };
    await this.#members.ask('nudge', (m, o) =>
      m.kv.txn({ success: [{ request: { case: 'requestPut', value: put } }] }, { ...o, ...LED }),
    );
  }

  /** The database of the first member that answers, as etcd keeps it, with a checksum at its end. Throws TW1020. */
  async *snapshot(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const said: string[] = [];
    for (const m of this.#members.order()) {
      const no = await m.reach();
      if (no !== undefined) {
        said.push(`${m.name}: ${no}`);
        continue;
      }
      let left = -1n;
      for await (const r of m.maintenance.snapshot({}, { signal, timeoutMs: 120_000 })) {
        left = r.remainingBytes;
        yield r.blob;
      }
      if (left === 0n) return;
      throw unreachable('snapshot', [`${m.name}: it ended too early`]);
    }
    throw unreachable('snapshot', said);
  }

  close(): void {
    this.#members.close();
  }

  async #look(m: Member): Promise<MemberState> {
    try {
      const no = await m.reach();
      if (no !== undefined) return { name: m.name, up: false, why: no };
      const s = await m.maintenance.status({}, { timeoutMs: this.#members.timeoutMs });
      return {
        name: m.name,
        up: true,
        id: s.header?.memberId ?? 0n,
        leader: s.leader,
        term: s.raftTerm,
        index: s.raftIndex,
        version: s.version,
        bytes: Number(s.dbSize),
        learner: s.isLearner,
        alarms: s.errors,
      };
    } catch (e) {
      return { name: m.name, up: false, why: reasonOf(e) };
    }
  }
}
