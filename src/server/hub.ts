import type { Fact, Journal } from '../kernel/index.ts';
import { NOTHING, type Runs, withFact } from './machine.ts';
import { TOPICS, type Topic, type TopicView } from './model.ts';
import { type Source, TopicLoop } from './topics.ts';

/** Follows the journal once for everybody: folds runs, wakes topics, tells streams that there are new facts. */
export class Hub {
  readonly #journal: Journal;
  readonly #each: (f: Fact) => void;
  readonly #loops = new Map<Topic, TopicLoop>();
  readonly #heard = new Set<() => void>();
  #fold: Runs = NOTHING;
  #offset = 0;

  /** `each` hears every fact, those of old first. */
  constructor(journal: Journal, each: (f: Fact) => void = () => undefined) {
    this.#journal = journal;
    this.#each = each;
    for (const f of journal.read()) this.#take(f);
  }

  /** Topics come later: they look at the fold. */
  open(sources: Record<Topic, Source>, now: () => number): void {
    for (const topic of TOPICS)
      this.#loops.set(topic, new TopicLoop(sources[topic], { topic, offset: () => this.#offset, now }));
  }

  get offset(): number {
    return this.#offset;
  }
  get fold(): Runs {
    return this.#fold;
  }

  async follow(signal: AbortSignal): Promise<void> {
    for await (const f of this.#journal.watch(this.#offset + 1, signal)) {
      this.#take(f);
      for (const loop of this.#loops.values()) loop.heard(f);
      for (const tell of this.#heard) tell();
    }
  }

  #take(f: Fact): void {
    this.#offset = f.offset;
    this.#fold = withFact(this.#fold, f);
    this.#each(f);
  }

  /** Calls back after new facts; the returned function ends it. */
  onFacts(tell: () => void): () => void {
    this.#heard.add(tell);
    return () => this.#heard.delete(tell);
  }

  facts(from: number): Fact[] {
    return this.#journal.read({ from });
  }

  #loop(topic: Topic): TopicLoop {
    const loop = this.#loops.get(topic);
    if (loop === undefined) throw new Error(`no topic ${topic}`);
    return loop;
  }

  watch(topic: Topic, listener: (v: TopicView) => void): () => void {
    return this.#loop(topic).watch(listener);
  }
  async once(topic: Topic): Promise<TopicView> {
    return await this.#loop(topic).once();
  }
  nudge(...topics: Topic[]): void {
    for (const t of topics) this.#loops.get(t)?.nudge();
  }
}
