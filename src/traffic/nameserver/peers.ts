import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import { type Clock, type ClusterName, causes } from '../../kernel/index.ts';
import { snapshotId } from '../machine/world.ts';
import type { NameserverAt, SignedSnapshot } from '../model.ts';
import { mac, macOk } from '../sign.ts';
import type { Brain, Sheet } from './brain.ts';
import { type Counters, count } from './responder.ts';

interface Push {
  sheet: string;
  nonce: string;
  mac: string;
}
interface Reply {
  sheet: string;
  mac: string;
  snapshot?: SignedSnapshot;
}

export interface PeerState {
  /** Monotonic milliseconds of the last sheet that was believed. */
  heardAt?: number;
  error?: string;
}

export interface PeersDeps {
  cluster: ClusterName;
  fleet: string;
  hmac: string;
  brain: Brain;
  clock: Clock;
  counters: Counters;
}

const EXCHANGE_MS = 2000;

const isPush = (b: unknown): b is Push => {
  const p = b as Partial<Push> | null;
  return [p?.sheet, p?.nonce, p?.mac].every((v) => typeof v === 'string');
};
const isSigned = (s: unknown): s is SignedSnapshot => {
  const p = s as Partial<SignedSnapshot> | null;
  return typeof p?.text === 'string' && typeof p.signature === 'string';
};

function readSheet(text: string, fleet: string): Sheet | undefined {
  try {
    const s = JSON.parse(text) as Partial<Sheet>;
    const good = s.fleet === fleet && typeof s.from === 'string' && Number.isFinite(s.boot) && Number.isFinite(s.n);
    return good && typeof s.votes === 'object' && s.votes !== null ? (s as Sheet) : undefined;
  } catch {
    return undefined;
  }
}

const urlOf = (at: NameserverAt): string =>
  `http://${at.ip.includes(':') ? `[${at.ip}]` : at.ip}:${at.http ?? 8053}/peers`;

/**
 * Sheets and snapshots between nameservers. A reply carries the asker's nonce, so it is fresh; a pushed
 * sheet is believed only from a start of the peer that such a reply has proved, and only with a higher
 * number. A replayed sheet is therefore never believed, also not after a restart of the receiver.
 */
export class Peers {
  readonly #deps: PeersDeps;
  readonly #agent = new Agent({ connect: { timeout: 1500 }, connections: 2, allowH2: false });
  readonly #proved = new Map<ClusterName, { boot: number; n: number }>();
  readonly #states = new Map<ClusterName, PeerState>();
  /** Exchanges that run; with an address there is one more after it, there. */
  readonly #busy = new Map<ClusterName, NameserverAt | undefined>();

  constructor(deps: PeersDeps) {
    this.#deps = deps;
  }

  state(): Record<ClusterName, PeerState> {
    return Object.fromEntries(this.#states);
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  /** A body posted to /peers: the reply, or undefined when it is not believed. */
  receive(body: unknown): unknown {
    const snapshot = (body as { snapshot?: unknown } | null)?.snapshot;
    if (isSigned(snapshot)) {
      this.#offer(snapshot);
      const own = this.#deps.brain.snapshot();
      return { snapshot: own === undefined ? null : { term: own.term, seq: own.seq, id: snapshotId(own) } };
    }
    return isPush(body) ? this.#pushed(body) : undefined;
  }

  #pushed(push: Push): Reply | undefined {
    const { hmac, fleet, brain } = this.#deps;
    if (!macOk(hmac, 'push', `${push.nonce}\n${push.sheet}`, push.mac)) return undefined;
    const sheet = readSheet(push.sheet, fleet);
    if (sheet === undefined) return undefined;
    const last = this.#proved.get(sheet.from);
    if (last?.boot === sheet.boot && sheet.n > last.n) this.#believe(sheet);
    const text = JSON.stringify(brain.sheet());
    const reply: Reply = { sheet: text, mac: mac(hmac, 'reply', `${push.nonce}\n${text}`) };
    const signed = this.#behind(sheet.snapshot) ? brain.signed() : undefined;
    return signed === undefined ? reply : { ...reply, snapshot: signed };
  }

  /** Exchange with all peers now. */
  poke(): void {
    for (const site of this.#deps.brain.snapshot()?.sites ?? []) {
      if (site.nameserver !== undefined && site.cluster !== this.#deps.cluster) {
        void this.#meet(site.cluster, site.nameserver);
      }
    }
  }

  /** Exchanges once per interval until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { brain, clock } = this.#deps;
    while (!signal.aborted) {
      this.poke();
      await clock.sleep(brain.snapshot()?.probe.intervalMs ?? 1000, signal).catch(() => undefined);
    }
  }

  #believe(sheet: Sheet): void {
    this.#proved.set(sheet.from, { boot: sheet.boot, n: sheet.n });
    this.#states.set(sheet.from, { heardAt: this.#deps.clock.monotonic() });
    this.#deps.brain.heard(sheet);
  }

  /** A peer's snapshot is older than ours, by the order of `isNewer`. */
  #behind(theirs: Sheet['snapshot']): boolean {
    const own = this.#deps.brain.snapshot();
    if (own === undefined || theirs === null) return own !== undefined;
    if (own.term !== theirs.term) return own.term > theirs.term;
    return own.seq === theirs.seq ? snapshotId(own) > theirs.id : own.seq > theirs.seq;
  }

  #offer(signed: SignedSnapshot): void {
    count(this.#deps.counters, `snapshot.${this.#deps.brain.adopt(signed)}`);
  }

  async #post(at: NameserverAt, body: unknown): Promise<unknown> {
    const res = await request(urlOf(at), {
      method: 'POST',
      dispatcher: this.#agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(EXCHANGE_MS),
    });
    if (res.statusCode === 200) return res.body.json();
    await res.body.dump();
    throw new Error(`status ${res.statusCode}`);
  }

  async #exchange(cluster: ClusterName, at: NameserverAt): Promise<void> {
    const { hmac, fleet, brain } = this.#deps;
    const nonce = randomBytes(16).toString('hex');
    const sheet = JSON.stringify(brain.sheet());
    const push: Push = { sheet, nonce, mac: mac(hmac, 'push', `${nonce}\n${sheet}`) };
    const reply = (await this.#post(at, push)) as Reply;
    if (!macOk(hmac, 'reply', `${nonce}\n${reply.sheet}`, reply.mac)) throw new Error('wrong signature');
    const theirs = readSheet(reply.sheet, fleet);
    if (theirs?.from !== cluster) throw new Error('not the peer that was asked');
    this.#believe(theirs);
    if (isSigned(reply.snapshot)) this.#offer(reply.snapshot);
    if (this.#behind(theirs.snapshot)) await this.#post(at, { snapshot: brain.signed() });
  }

  /** One exchange at a time with each peer; a wish that comes meanwhile is one more after it, where the peer is by then. */
  async #meet(cluster: ClusterName, at: NameserverAt): Promise<void> {
    if (this.#busy.has(cluster)) {
      this.#busy.set(cluster, at);
      return;
    }
    this.#busy.set(cluster, undefined);
    await this.#exchange(cluster, at).catch((error: unknown) => {
      this.#states.set(cluster, { ...this.#states.get(cluster), error: causes(error).join(': ') });
      count(this.#deps.counters, 'peer.failed');
    });
    const again = this.#busy.get(cluster);
    this.#busy.delete(cluster);
    if (again !== undefined) await this.#meet(cluster, again);
  }
}
