import { checkConfig } from '../../config/index.ts';
import { fault, type Journal, memoryJournal, memoryStore, type Store } from '../../kernel/index.ts';
import { noEvidence } from '../../release/evidence.ts';
import { quickClock } from '../../release/fixtures.ts';
import { WorldTwin } from '../../release/twin.ts';
import type { Context, Io, Question } from '../context.ts';

export const CLUSTERS = ['mtl', 'sao', 'syd'];

const configOf = (app: string, release: object, more: object) =>
  checkConfig(
    {
      ...more,
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: Object.fromEntries(CLUSTERS.map((c) => [c, { cloud: 'aws', region: 'sa-east-1' }])),
      dns: { zone: 'demo.example' },
      apps: { [app]: { manifests: ['m'], traffic: { host: `${app}.demo.example`, service: app }, release } },
    },
    '/x/tradewind.yaml',
    '',
  );

const QUICK = { strategy: 'atomic', soak: '1s', lastSoak: '1s', keepBlue: '1h', prepare: { timeout: '1m' } };

/** One released app on three clusters in memory, behind the real verbs; a clock that runs fifty times faster. */
export class Shop {
  readonly clock = quickClock();
  readonly world = new WorldTwin(this.clock);
  readonly config: ReturnType<typeof checkConfig>;
  readonly journal: Journal = memoryJournal(this.clock);
  store: Store = memoryStore();
  readonly asked: Question[] = [];
  readonly context: Context;
  readonly #stop = new AbortController();

  constructor(release: object = {}, { app = 'shop', ...more }: { app?: string; [more: string]: unknown } = {}) {
    this.config = configOf(app, { ...QUICK, ...release }, more);
    const engine = {
      config: this.config,
      outputs: async () => Object.fromEntries(CLUSTERS.map((c) => [c, {}])),
      kube: () => undefined,
      release: {
        ports: () => ({ ...this.world.ports(app, this.store), journal: this.journal }),
        evidence: () => noEvidence('pass'),
      },
    };
    this.context = {
      clock: this.clock,
      journal: () => this.journal,
      config: async () => this.config,
      engine: async () => engine,
    } as unknown as Context;
  }

  async stand(live = 'v1'): Promise<this> {
    for (const c of CLUSTERS) await this.world.stand(c, live);
    return this;
  }

  /** A person who answers so; nobody without. */
  io(answer?: string): Io {
    return {
      show: () => undefined,
      machine: false,
      out: () => undefined,
      ask: async (q) => {
        this.asked.push(q);
        if (answer === undefined) throw fault('TW6005', { value: q.flag });
        return answer;
      },
      signal: this.#stop.signal,
      detach: new AbortController().signal,
    };
  }
  /** Ctrl-C. */
  stop(): void {
    this.#stop.abort();
  }

  live(): (string | undefined)[] {
    return CLUSTERS.map((c) => this.world.switches.seen(c).state?.live);
  }
}
