import type { Clock, ClusterName } from '../../kernel/index.ts';
import { FIRST_WATCH, FRESH_INTERVALS, judge, NO_VERDICT, type Watch, watched } from '../machine/quorum.ts';
import { isNewer, type Names, snapshotId, type Target, targetsOf, worldOf } from '../machine/world.ts';
import type { HealthView, Hold, Probe, SignedSnapshot, Snapshot, Verdict, Vote, World } from '../model.ts';
import { verifySnapshot } from '../sign.ts';
import { compileZone, type Zone } from './zone.ts';

/** What one nameserver tells the others. Only one with a MAC of the shared key is heard. */
export interface Sheet {
  fleet: string;
  from: ClusterName;
  /** Grows with every start of the process, `n` with every sheet of it. */
  boot: number;
  n: number;
  /** The cluster asks to be taken out. */
  held: boolean;
  votes: Record<string, { state: 'up' | 'down'; cause: string }>;
  snapshot: { term: number; seq: number; id: string } | null;
}

export interface Kept {
  signed?: SignedSnapshot;
  health: HealthView;
  boot: number;
}

export type Adoption = 'adopted' | 'same' | 'older' | 'invalid';

export interface BrainDeps {
  cluster: ClusterName;
  fleet: string;
  publicKey: string;
  clock: Clock;
  kept: Kept;
  /** The own vote, the own hold or the snapshot changed: the others should know now. */
  onNews(): void;
  /** A verdict or the snapshot changed: worth keeping on disk. */
  onKeep(): void;
}

const outcome = (v: Verdict | undefined): string => `${v?.state}/${v?.lone}/${v?.held}`;
const isOpen = (h: Hold, now: number): boolean => h.until === undefined || h.until > now;

/** The state of one nameserver process; no I/O but the clock it is given. */
export class Brain {
  readonly boot: number;
  readonly #deps: BrainDeps;
  readonly #watches = new Map<string, Watch>();
  readonly #votes = new Map<string, Map<ClusterName, Vote>>();
  #health: HealthView;
  #snapshot: Snapshot | undefined;
  #signed: SignedSnapshot | undefined;
  #zone: Zone | undefined;
  #names: Names = {};
  #n = 0;
  #wasHeld = false;
  #absent = false;
  #compiledFor = '';

  constructor(deps: BrainDeps) {
    this.#deps = deps;
    this.boot = Math.max(deps.kept.boot + 1, deps.clock.now());
    this.#health = { ...deps.kept.health };
    const signed = deps.kept.signed;
    const found = signed && verifySnapshot(signed, deps.publicKey, deps.fleet);
    if (signed !== undefined && found !== undefined) this.#swap(found, signed);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }
  signed(): SignedSnapshot | undefined {
    return this.#signed;
  }
  zone(): Zone | undefined {
    return this.#zone;
  }
  health(): HealthView {
    return this.#health;
  }
  votes(): Record<string, Vote[]> {
    return Object.fromEntries([...this.#votes].map(([k, by]) => [k, [...by.values()]]));
  }
  targets(): Target[] {
    return this.#snapshot === undefined ? [] : targetsOf(this.#snapshot, this.#names);
  }
  world(): World | undefined {
    const live = { health: this.#health, names: this.#names, load: {}, now: this.#deps.clock.now() };
    return this.#snapshot && worldOf(this.#snapshot, live);
  }
  /** The own cluster is drained or braked. */
  held(): boolean {
    const { cluster, clock } = this.#deps;
    return this.#snapshot?.holds.some((h) => h.cluster === cluster && isOpen(h, clock.now())) ?? false;
  }
  kept(): Kept {
    return { ...(this.#signed === undefined ? {} : { signed: this.#signed }), health: this.#health, boot: this.boot };
  }

  /** The source could be asked and has no snapshot: there is nothing to wait for. */
  noted(): void {
    this.#absent = true;
  }
  /** Worth being asked: it has a snapshot, or knows that there is none yet. */
  ready(): boolean {
    return this.#zone !== undefined || this.#absent;
  }

  /** Takes a snapshot when it is properly signed and newer than the one in use. */
  adopt(offer: SignedSnapshot): Adoption {
    if (offer.text === this.#signed?.text) return 'same';
    const found = verifySnapshot(offer, this.#deps.publicKey, this.#deps.fleet);
    if (found === undefined) return 'invalid';
    if (!isNewer(found, this.#snapshot)) return 'older';
    if (!this.#swap(found, offer)) return 'invalid';
    this.#deps.onKeep();
    this.tick();
    this.#deps.onNews();
    return 'adopted';
  }

  probed(target: string, probe: Probe): void {
    if (this.#snapshot === undefined) return;
    const now = this.#deps.clock.monotonic();
    const before = this.#watches.get(target) ?? FIRST_WATCH;
    const after = watched(before, probe, this.#snapshot.probe, now);
    this.#watches.set(target, after);
    if (after.state === undefined) return;
    const cause = after.detail === '' ? after.cause : `${after.cause} ${after.detail}`;
    this.#cast(target, { voter: this.#deps.cluster, state: after.state, at: now, cause });
    this.tick();
    if (before.state !== after.state) this.#deps.onNews();
  }

  /** An authenticated sheet of a peer; its votes are as fresh as this moment. */
  heard(sheet: Sheet): void {
    const at = this.#deps.clock.monotonic();
    for (const [target, { state, cause }] of Object.entries(sheet.votes)) {
      const own = target.startsWith(`${sheet.from}/`);
      this.#cast(target, { voter: sheet.from, state, at, cause, ...(own ? { held: sheet.held } : {}) });
    }
    this.tick();
  }

  setNames(names: Names): void {
    this.#names = names;
    this.#refresh();
  }

  /** Judges again: votes grow stale and holds end with time alone. */
  tick(): void {
    if (this.#snapshot === undefined) return;
    const before = this.#health;
    const judged = this.targets().map((t) => [t.key, this.#judge(t)] as const);
    this.#health = Object.fromEntries(judged);
    this.#refresh();
    if (judged.some(([k, v]) => outcome(before[k]) !== outcome(v))) this.#deps.onKeep();
    const held = this.held();
    if (held === this.#wasHeld) return;
    this.#wasHeld = held;
    this.#deps.onNews();
  }

  /** What to tell the others now; every call has a higher number. */
  sheet(): Sheet {
    const { cluster, fleet, clock } = this.#deps;
    const fresh = FRESH_INTERVALS * (this.#snapshot?.probe.intervalMs ?? 1000);
    const mine = [...this.#votes].flatMap(([target, by]) => {
      const vote = by.get(cluster);
      if (vote === undefined || clock.monotonic() - vote.at > fresh) return [];
      return [[target, { state: vote.state, cause: vote.cause }] as const];
    });
    this.#n += 1;
    const s = this.#snapshot;
    const snapshot = s === undefined ? null : { term: s.term, seq: s.seq, id: snapshotId(s) };
    const votes = Object.fromEntries(mine);
    return { fleet, from: cluster, boot: this.boot, n: this.#n, held: this.held(), votes, snapshot };
  }

  #judge(t: Target): Verdict {
    const { clock } = this.#deps;
    return judge({
      me: this.#deps.cluster,
      target: t.cluster,
      voters: this.#snapshot?.voters ?? [],
      votes: [...(this.#votes.get(t.key)?.values() ?? [])],
      last: this.#health[t.key] ?? NO_VERDICT,
      now: clock.monotonic(),
      wall: clock.now(),
      intervalMs: this.#snapshot?.probe.intervalMs ?? 1000,
    });
  }

  #cast(target: string, vote: Vote): void {
    const all = this.#votes.get(target) ?? new Map<ClusterName, Vote>();
    this.#votes.set(target, all.set(vote.voter, vote));
  }

  /** Puts a snapshot in use, or leaves all as it was when it cannot be compiled (a name no wire can carry). */
  #swap(snapshot: Snapshot, signed: SignedSnapshot): boolean {
    const before = [this.#snapshot, this.#signed] as const;
    this.#snapshot = snapshot;
    this.#signed = signed;
    try {
      this.#refresh();
      return true;
    } catch {
      [this.#snapshot, this.#signed] = before;
      return false;
    }
  }

  /** Compiles when something a decision depends on is another than at the last time. */
  #refresh(): void {
    const w = this.world();
    if (this.#snapshot === undefined || w === undefined) return;
    const open = w.holds.filter((h) => isOpen(h, w.now)).map((h) => h.id);
    const states = Object.entries(this.#health).map(([k, v]) => `${k}=${outcome(v)}`);
    const key = JSON.stringify([w.snapshot, open, states, this.#names]);
    if (key === this.#compiledFor) return;
    this.#zone = compileZone(this.#snapshot, w);
    this.#compiledFor = key;
  }
}
