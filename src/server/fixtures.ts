import { type Context, type Invocation, runJournal } from '../commands/index.ts';
import {
  fault,
  type Journal,
  manualClock,
  memoryJournal,
  memoryStore,
  type Store,
  systemClock,
} from '../kernel/index.ts';
import { createApp } from './app.ts';
import { LookContexts } from './contexts.ts';
import { allowedFor } from './guard.ts';
import { Hub } from './hub.ts';
import { looksOf } from './metrics/looks.ts';
import { Metrics } from './metrics.ts';
import type { AppParts } from './parts.ts';
import type { ServerDeps } from './ports.ts';
import { Refusals } from './refusals.ts';
import { RunRegistry } from './runs.ts';
import { identityOf } from './session.ts';
import { Streams } from './stream.ts';
import { sourcesOf } from './topics.ts';

const URL_ = 'http://127.0.0.1:4747';
export const HOST = { host: '127.0.0.1:4747' };

/** A fleet of one cluster whose drains are counted and end when they are told to. */
class FleetTwin {
  drains: string[] = [];
  /** A drain waits for this. */
  gate: Promise<void> = Promise.resolve();
  readonly engine = {
    traffic: {
      hold: async (cluster: string) => {
        this.drains.push(cluster);
        await this.gate;
        return { done: true, notes: [], raw: { cluster } };
      },
    },
  };
  readonly config = {
    fleet: 'shop',
    file: '/shop/tradewind.config.ts',
    dir: '/shop',
    clusters: [{ name: 'eu', cloud: 'aws', region: 'eu-west-1', labels: {}, location: { lat: 0, lon: 0 } }],
    apps: [],
  };
}

export interface Rig {
  twin: FleetTwin;
  parts: AppParts;
  journal: Journal;
  book: Store;
  stop: AbortController;
  app: ReturnType<typeof createApp>;
}

function contextOf(
  x: Pick<Rig, 'twin' | 'journal' | 'book'> & { dir: string },
): (call: Invocation) => Promise<Context> {
  const { dir, twin, journal, book } = x;
  const context = (run: string | undefined) => ({
    cwd: dir,
    stateDir: dir,
    clock: manualClock(1_000_000),
    journal: () => (run === undefined ? journal : runJournal(journal, run)),
    book: () => book,
    config: async () => twin.config,
    engine: async () => twin.engine,
    sandbox: () => Promise.reject(fault('TW9008')),
    close: async () => undefined,
  });
  return async (call) => context(call.run) as unknown as Context;
}

const closed = (): Promise<never> => Promise.reject(fault('TW6303'));
const shut: ServerDeps['lab'] = {
  isOpen: async () => false,
  view: closed,
  say: closed,
  press: closed,
  set: closed,
  onChange: () => undefined,
};

/** The whole server over twins, in a folder of its own; without a socket. */
export function rigIn(dir: string, journal = memoryJournal(manualClock(1_000_000))): Rig {
  const twin = new FleetTwin();
  const stop = new AbortController();
  const book = memoryStore();
  let ids = 0;
  const deps: ServerDeps = {
    stateDir: dir,
    version: '0.0.0',
    // Its times are the test's; what waits must really wait, or a loop would never let anybody else run.
    clock: { ...manualClock(1_000_000), sleep: systemClock.sleep },
    journal,
    newId: () => `run${(ids += 1)}`,
    engine: contextOf({ dir, twin, journal, book }),
    stamp: () => '',
    place: () => 'sandbox',
    config: () => undefined,
    alive: () => false,
    chatDepth: () => ({ lab: 2 }),
    lab: shut,
    hook: (name) =>
      name === 'echo' ? async (r) => ({ status: 200, body: `${r.headers['x-sign']} ${r.body}` }) : undefined,
    web: async () => new Map(),
  };
  const contexts = new LookContexts(deps);
  const runs = new RunRegistry(deps);
  const { version, chatDepth } = deps;
  const metrics: Metrics = new Metrics({ version, chatDepth, streams: () => streams.open, offset: () => hub.offset });
  const hub = new Hub(journal, (f) => metrics.fact(f));
  const { lab, config, alive } = deps;
  hub.open(
    sourcesOf({ contexts, runs, lab, config, alive, fold: () => hub.fold, now: deps.clock.now }),
    deps.clock.now,
  );
  const streams = new Streams(hub, stop.signal);
  const page = { type: 'text/html', body: Buffer.from('<p>'), packed: Buffer.from(''), etag: '"x"', fixed: false };
  const parts: AppParts = {
    deps,
    allowed: allowedFor(URL_, undefined),
    secure: false,
    identity: identityOf(dir, deps.clock),
    runs,
    hub,
    contexts,
    streams,
    refusals: new Refusals({ contexts, clock: deps.clock }),
    metrics,
    looks: looksOf(contexts, { clock: systemClock, stopping: stop.signal }),
    web: new Map([['/index.html', page]]),
    stopping: stop.signal,
  };
  return { twin, parts, journal, book, stop, app: createApp(parts) };
}
