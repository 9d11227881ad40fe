import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Shop } from '../commands/release/released.fixtures.ts';
import { release } from '../commands/release/start.ts';
import { rollback } from '../commands/release/verbs.ts';
import {
  type Clock,
  type Fact,
  type Journal,
  manualClock,
  memoryJournal,
  memoryStore,
  StoreWorld,
  toJson,
} from '../kernel/index.ts';
import { otlpHttp } from './adapters/otlp-http.ts';
import { Exporter } from './traces/exporter.ts';
import { spansOf } from './traces/machine/spans.ts';
import type { Span, SpanSink } from './traces/model.ts';

interface Got {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
  links?: { traceId: string; spanId: string }[];
}

/** What is wrong with a span for a receiver that reads the protocol's JSON. */
function wrong(s: Got): string | undefined {
  if (!/^[0-9a-f]{32}$/.test(s.traceId) || !/^[0-9a-f]{16}$/.test(s.spanId)) return `ids of ${s.name}`;
  if (s.parentSpanId !== undefined && !/^[0-9a-f]{16}$/.test(s.parentSpanId)) return `parent of ${s.name}`;
  if (!/^\d+$/.test(s.startTimeUnixNano) || !/^\d+$/.test(s.endTimeUnixNano)) return `times of ${s.name}`;
  if (BigInt(s.endTimeUnixNano) < BigInt(s.startTimeUnixNano)) return `${s.name} ends before it begins`;
  const odd = s.attributes.find((a) => Object.keys(a.value).length !== 1);
  return odd === undefined ? undefined : `attribute ${odd.key}`;
}

/** A receiver of OTLP over HTTP with JSON. */
class Collector {
  readonly got: Got[] = [];
  readonly resources: unknown[] = [];
  texts = '';
  posts = 0;
  /** Answers with this instead. */
  status = 200;
  /** Whoever does not send this key is not heard. */
  key: string | undefined;
  #http: Server = createServer((req, res) => {
    let text = '';
    req.setEncoding('utf8').on('data', (s: string) => (text += s));
    req.on('end', () => {
      this.posts += 1;
      if (this.key !== undefined && req.headers['x-api-key'] !== this.key) this.status = 401;
      const at = req.url === '/v1/traces' && req.headers['content-type'] === 'application/json';
      const problem = this.status === 200 && at ? this.#take(text) : 'no';
      const status = this.status === 200 && problem !== undefined ? 400 : this.status;
      res
        .writeHead(status, { 'content-type': 'application/json' })
        .end(status === 200 ? '{}' : `{"message":"${problem}"}`);
    });
  });
  #take(text: string): string | undefined {
    const { resourceSpans } = JSON.parse(text) as {
      resourceSpans: { resource: unknown; scopeSpans: { spans: Got[] }[] }[];
    };
    const spans = resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans));
    const problem = spans.map(wrong).find((w) => w !== undefined);
    if (problem !== undefined) return problem;
    this.got.push(...spans);
    this.resources.push(...resourceSpans.map((r) => r.resource));
    this.texts += text;
    return undefined;
  }
  async start(): Promise<string> {
    await new Promise<void>((go) => this.#http.listen(0, '127.0.0.1', go));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1/traces`;
  }
  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise<void>((go) => this.#http.close(() => go()));
  }
  names(): string[] {
    return this.got.map((s) => s.name);
  }
}
const attribute = (s: Got | undefined, key: string): unknown => {
  const value = s?.attributes.find((a) => a.key === `tradewind.${key}`)?.value;
  return value === undefined ? undefined : Object.values(value)[0];
};

/** Time that passes as fast as somebody sleeps, and lets others work. */
function fast(): Clock {
  let at = 1_000_000;
  return {
    now: () => at,
    monotonic: () => at,
    sleep: async (ms) => {
      at += ms;
      await new Promise((go) => setImmediate(go));
    },
  };
}

let collector: Collector;
let url = '';
beforeEach(async () => {
  collector = new Collector();
  url = await collector.start();
});
afterEach(() => collector.stop());

/** A server process: its exporter over the journal and the store that all of them share. */
function process(journal: Journal, kept: StoreWorld, sink: SpanSink = otlpHttp({ url }, RESOURCE)) {
  const [clock, stop, log] = [fast(), new AbortController(), [] as string[]];
  const exporter = new Exporter({ journal, store: memoryStore(undefined, kept), clock, log: (l) => void log.push(l) });
  const runs = exporter.run(async () => sink, stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await runs;
  };
  return { log, end, clock };
}
/** The offset that is kept, once it is the newest one. */
async function sentAll(journal: Journal, kept: StoreWorld): Promise<void> {
  const newest = journal.read().at(-1)?.offset ?? 0;
  const stored = async () => (await memoryStore(undefined, kept).get('telemetry/traces')).value;
  await expect.poll(stored).toEqual({ offset: newest });
}
/** A journal that exporters have met before anything was in it. */
async function met(journal = memoryJournal(manualClock(1_700_000_000_000))) {
  const kept = new StoreWorld();
  await memoryStore(undefined, kept).cas('telemetry/traces', 0, { offset: 0 });
  return { journal, kept };
}

const RESOURCE = { fleet: 'demo', version: '1.2.3' };
const SIGNAL = new AbortController().signal;
const foldOf = (facts: readonly Fact[]): Span[] => {
  const fold = spansOf();
  return facts.flatMap((f) => fold(f));
};

describe('spans', () => {
  it('a release is a trace of its own: phases and flips in it, each inside of what it belongs to', async () => {
    const shop = await new Shop().stand();
    await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
    expect(foldOf(shop.journal.read()).some((s) => s.name === 'release')).toBe(false);
    await rollback(shop.context, { app: 'shop' }, shop.io());
    const { journal, kept } = await met(shop.journal);
    const p = process(journal, kept);
    await sentAll(journal, kept);
    await p.end();
    const { got } = collector;
    expect(collector.names().toSorted()).toEqual([
      'release',
      ...Array<string>(5).fill('release.step'),
      ...Array<string>(3).fill('switch.flip'),
    ]);
    expect(new Set(got.map((s) => s.traceId)).size).toBe(1);
    expect(new Set(got.map((s) => s.spanId)).size).toBe(got.length);
    for (const s of got.filter((x) => x.name !== 'release')) {
      const parent = got.find((x) => x.spanId === s.parentSpanId);
      expect(parent?.name).toBe(s.name === 'switch.flip' ? 'release.step' : 'release');
      expect(BigInt(s.startTimeUnixNano) >= BigInt(parent?.startTimeUnixNano ?? 0)).toBe(true);
      expect(BigInt(s.endTimeUnixNano) <= BigInt(parent?.endTimeUnixNano ?? 0)).toBe(true);
    }
    const root = got.find((s) => s.name === 'release');
    expect([attribute(root, 'app'), attribute(root, 'release'), attribute(root, 'outcome')]).toEqual([
      'shop',
      'r1',
      'rolledback',
    ]);
    expect(JSON.stringify(collector.resources[0])).toContain('"tradewind.fleet","value":{"stringValue":"demo"}');
  });

  const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  function ofUp(traceparent?: string): Fact[] {
    const clock = manualClock(1_700_000_000_000);
    const journal = memoryJournal(clock);
    const say = (run: string, kind: string, data: object, cluster?: string): void => {
      journal.append({ kind, run, data: toJson(data), ...(cluster === undefined ? {} : { cluster }) });
      clock.advance(1000);
    };
    say('c1', 'http.command', { verb: 'up', by: 'ana', ...(traceparent === undefined ? {} : { traceparent }) });
    say('c1', 'command.start', { verb: 'up', args: { because: 'private' }, by: 'ana', door: 'http' });
    say('c1', 'command.part', { run: 'i1' });
    say('i1', 'infra.state', { root: 'cluster:eu', state: 'locking' }, 'eu');
    say('i1', 'infra.state', { root: 'cluster:us', state: 'applying' }, 'us');
    say('i1', 'infra.state', { root: 'cluster:eu', state: 'ready' }, 'eu');
    say('i1', 'infra.state', { root: 'cluster:us', state: 'failed', problem: { code: 'TW2102' } }, 'us');
    say('i1', 'infra.end', {});
    say('c1', 'fleet.applied', { app: 'shop', step: 'sealed', ms: 1500, code: null }, 'eu');
    say('c1', 'command.end', { verb: 'up', exit: 4, problems: ['TW2102'] });
    say('c1', 'http.end', { exit: 4, problems: ['TW2102'] });
    return journal.read();
  }

  it('a command has what it did on each cluster below it, and nobody in it', () => {
    const spans = foldOf(ofUp());
    const [eu, us, app, command] = spans;
    expect(spans.map((s) => [s.name, s.end - s.start, s.error])).toEqual([
      ['infra.apply', 2000, undefined],
      ['infra.apply', 2000, 'TW2102'],
      ['fleet.apply', 1500, undefined],
      ['command up', 9000, 'TW2102'],
    ]);
    for (const s of [eu, us, app]) expect([s?.trace, s?.parent]).toEqual([command?.trace, command?.id]);
    expect(command?.attributes).toEqual({ 'tradewind.verb': 'up', 'tradewind.door': 'http', 'tradewind.exit': 4 });
    expect(JSON.stringify(spans)).not.toMatch(/ana|private/);
  });

  it('a change of home has the times that the agents kept; without them it is none', () => {
    const journal = memoryJournal(manualClock(1_700_000_060_000));
    const change = { app: 'shop', from: 'eu', to: 'us', epoch: 7, why: 'lost', planned: false };
    for (const [kind, more] of [
      ['state.failover', { at: 1_700_000_000_000, tookMs: 2500 }],
      ['state.failover', { at: null, tookMs: null }],
      ['state.moved', { at: 1_700_000_010_000, tookMs: 300, from: null }],
    ] as const)
      journal.append({ kind, cluster: 'us', data: toJson({ ...change, ...more }) });
    expect(foldOf(journal.read()).map((s) => [s.name, s.start, s.end - s.start, s.attributes])).toEqual([
      [
        'state.failover',
        1_700_000_000_000,
        2500,
        { 'tradewind.app': 'shop', 'tradewind.cluster': 'us', 'tradewind.epoch': 7, 'tradewind.from': 'eu' },
      ],
      [
        'state.move',
        1_700_000_010_000,
        300,
        { 'tradewind.app': 'shop', 'tradewind.cluster': 'us', 'tradewind.epoch': 7 },
      ],
    ]);
  });

  it('a caller that is in a trace has the command in it; what is no trace context is none', () => {
    const spans = foldOf(ofUp(CALLER));
    expect(new Set(spans.map((s) => s.trace))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
    expect(spans.at(-1)?.parent).toBe('b7ad6b7169203331');
    for (const odd of [CALLER.replace('0af7', '0AF7'), `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `${CALLER}-x`, 'x'])
      expect(foldOf(ofUp(odd)).at(-1)?.parent, odd).toBeUndefined();
  });
});

describe('the exporter', () => {
  const command = (journal: Journal, n: number): void => {
    journal.append({ kind: 'command.start', run: `r${n}`, data: { verb: 'drain', door: 'cli' } });
    journal.append({ kind: 'command.end', run: `r${n}`, data: { verb: 'drain', exit: 0 } });
  };

  it('begins at the newest fact: history is not sent', async () => {
    const journal = memoryJournal(manualClock(1_700_000_000_000));
    command(journal, 1);
    const kept = new StoreWorld();
    const p = process(journal, kept);
    await sentAll(journal, kept);
    command(journal, 2);
    await expect.poll(() => collector.names()).toEqual(['command drain']);
    await p.end();
    expect(collector.got[0]?.spanId).toBe(foldOf(journal.read())[1]?.id);
  });

  it('goes on where the process before it ended: nothing twice, and what was open then ends as it would have', async () => {
    const { journal, kept } = await met();
    command(journal, 1);
    journal.append({ kind: 'command.start', run: 'long', data: { verb: 'up', door: 'cli' } });
    const first = process(journal, kept);
    await sentAll(journal, kept);
    await first.end();
    journal.append({ kind: 'command.end', run: 'long', data: { verb: 'up', exit: 0 } });
    const second = process(journal, kept);
    await sentAll(journal, kept);
    await second.end();
    expect(collector.names()).toEqual(['command drain', 'command up']);
  });

  it('a receiver that is dead for hours: one warning an hour, then all of it, once and in order', async () => {
    const { journal, kept } = await met();
    collector.status = 503;
    for (let n = 0; n < 450; n++) command(journal, n);
    const p = process(journal, kept);
    const since = p.clock.monotonic();
    await expect.poll(() => p.clock.monotonic() - since, { timeout: 15_000 }).toBeGreaterThan(2.5 * 3_600_000);
    const hours = (p.clock.monotonic() - since) / 3_600_000;
    expect(Math.abs(p.log.length - hours)).toBeLessThanOrEqual(1);
    expect(collector.posts).toBeLessThan(hours * 60 + 20);
    expect(p.log[0]).toContain('HTTP 503');
    collector.status = 200;
    await sentAll(journal, kept);
    await p.end();
    expect(collector.got.map((s) => s.spanId)).toEqual(foldOf(journal.read()).map((s) => s.id));
    expect(collector.names()).toHaveLength(450);
  }, 30_000);

  it('what a receiver refuses is given up and said; where nobody listens it is kept', async () => {
    const { journal, kept } = await met();
    collector.status = 400;
    command(journal, 1);
    const p = process(journal, kept);
    await sentAll(journal, kept);
    await p.end();
    expect(p.log).toEqual([expect.stringMatching(/HTTP 400.*given up/)]);
    const left = new Collector();
    const nowhere = await left.start();
    await left.stop();
    const nobody = process(journal, kept, otlpHttp({ url: nowhere }, { fleet: 'demo', version: '0' }));
    command(journal, 2);
    await expect.poll(() => nobody.log[0]).toMatch(/ECONNREFUSED.*sent later/);
    await nobody.end();
    collector.status = 200;
    const again = process(journal, kept);
    await sentAll(journal, kept);
    await again.end();
    expect(collector.got).toHaveLength(1);
  });

  it('a receiver that wants a key gets it; without it, nothing is taken and the key is not told', async () => {
    collector.key = 's3cret';
    const { journal, kept } = await met(memoryJournal(manualClock(1_700_000_000_000)));
    command(journal, 1);
    const p = process(journal, kept, otlpHttp({ url, headers: { 'X-Api-Key': 's3cret' } }, RESOURCE));
    await sentAll(journal, kept);
    await p.end();
    const taken = collector.got.length;
    expect(taken).toBeGreaterThan(0);
    const none = await otlpHttp({ url }, RESOURCE).send(foldOf(journal.read()), SIGNAL);
    expect(none).toMatchObject({ is: 'never', why: expect.stringMatching(/^HTTP 401/) });
    expect(collector.got.length).toBe(taken);
  });

  it('without a receiver nothing is sent and nothing is kept', async () => {
    const journal = memoryJournal();
    const kept = new StoreWorld();
    const stop = new AbortController();
    const exporter = new Exporter({
      journal,
      store: memoryStore(undefined, kept),
      clock: fast(),
      log: () => undefined,
    });
    const runs = exporter.run(async () => undefined, stop.signal);
    command(journal, 1);
    await new Promise((go) => setTimeout(go, 50));
    stop.abort();
    await runs;
    expect((await memoryStore(undefined, kept).get('telemetry/traces')).value).toBeUndefined();
  });
});
