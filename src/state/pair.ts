import { type Clock, type ClusterName, type Store, within } from '../kernel/index.ts';
import { BEAT_MS, isLost, type Watched } from './machine/detect.ts';
import { beatKey, votersOf } from './machine/keys.ts';
import type { EpochValue, Hold, Setup, StoreView } from './model.ts';
import type { Pong, Wire } from './ports.ts';

interface PairParts {
  setup: Setup;
  prefix: string;
  clock: Clock;
  store: Store;
  wire: Pick<Wire, 'rtt'>;
}

const STORE_MS = 5000;
/** Behind home by so much, a copy has it all within the pause of a move. Bytes. */
const NEAR = 1 << 20;
type Answer = Omit<Pong, 'via'>;

/** What an agent does only where there are two voters: no third one can say who is lost (rule 7). */
export class Pair {
  readonly #p: PairParts;
  #heard: { of: ClusterName; at: number; pong: Answer } | undefined;

  constructor(parts: PairParts) {
    this.#p = parts;
  }

  /** Somebody answered a ping. */
  heard(of: ClusterName, pong: Answer, at: number): void {
    this.#heard = { of, at, pong };
  }
  #last(other: ClusterName): { at: number; pong: Answer } | undefined {
    return this.#heard?.of === other ? this.#heard : undefined;
  }

  /** Where this cluster is one of two voters: the other one. */
  #other(view: StoreView): ClusterName | undefined {
    const { me } = this.#p.setup;
    const voters = votersOf(view, this.#p.setup);
    return voters.length === 2 && voters.includes(me) ? voters.find((v) => v !== me) : undefined;
  }

  lost(view: StoreView, watched: Watched, now: number): { lost?: ClusterName } {
    const other = this.#other(view);
    if (other === undefined) return {};
    const who = { me: this.#p.setup.me, other, rttMs: this.#p.wire.rtt(other), heard: this.#last(other)?.at };
    return isLost(watched, who, now) ? { lost: other } : {};
  }

  /** Home that went on alone gives itself a new epoch once the other copy is in step: of equal logs both count again. */
  growth(view: StoreView, v: EpochValue, offset: number): Hold | undefined {
    const other = this.#other(view);
    if (other === undefined || v.copies.includes(other)) return undefined;
    const pong = this.#last(other)?.pong;
    const near = pong?.epoch === v.epoch && pong.role === 'replica' && pong.offset >= offset - NEAR;
    const { me } = this.#p.setup;
    return near ? { by: me, to: me, voters: [me, other] } : undefined;
  }

  /** Says in the store, again and again, that it is there: so a lost cluster is told from a cut link. */
  async beats(view: () => StoreView, signal: AbortSignal): Promise<void> {
    const { clock, prefix, setup, store } = this.#p;
    const beat = { if: [], put: [{ key: prefix + beatKey(setup.me), value: 1 }] };
    while (!signal.aborted) {
      if (this.#other(view()) !== undefined)
        await within(clock, STORE_MS, store.txn(beat), () => undefined).catch(() => undefined);
      await clock.sleep(BEAT_MS, signal).catch(() => undefined);
    }
  }
}
