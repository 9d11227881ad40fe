import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepApplied } from '../commands/applied.ts';
import { type Measured, measuredNow } from '../commands/index.ts';
import { differing, planOf } from '../commands/plan.ts';
import { Shop } from '../commands/release/released.fixtures.ts';
import { release } from '../commands/release/start.ts';
import { rollback } from '../commands/release/verbs.ts';
import { fleetApply } from '../fleet/applier.ts';
import { CONFIG, liveTwin, ports, webApp } from '../fleet/fixtures.ts';
import { fleetPlan } from '../fleet/planner.ts';
import { infraApply } from '../infra/apply.ts';
import { infraPlan } from '../infra/plan-roots.ts';
import { openLab, threeClouds } from '../infra/testing/lab.ts';
import { terraformBinary } from '../infra/testing/terraform.ts';
import { type Clock, type Fact, type Journal, manualClock, memoryJournal, toJson } from '../kernel/index.ts';
import { HOST, rigIn } from './fixtures.ts';
import { DEFINITIONS } from './metrics/definitions.ts';
import { Looks } from './metrics/looks.ts';
import type { StatusData } from './metrics/view.ts';
import { Metrics } from './metrics.ts';

const dirs: string[] = [];
const folder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-metrics-'));
  dirs.push(dir);
  return dir;
};
afterEach(() => {
  vi.useRealTimers();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

const metrics = (): Metrics =>
  new Metrics({ version: '0.0.0', streams: () => 3, offset: () => 7, chatDepth: () => ({ slack: 2 }) });

/** Lines of a scrape that begin so, without the prefix; those of histograms as sum and count. */
async function lines(m: Metrics, start: string, looked: Parameters<Metrics['text']>[0] = []): Promise<string[]> {
  const text = await m.text(looked);
  const found = text.split('\n').filter((l) => l.startsWith(`tradewind_${start}`) && !l.includes('_bucket'));
  return found.map((l) => l.replace('tradewind_', ''));
}
const told = (facts: readonly Fact[]): Metrics => {
  const m = metrics();
  for (const f of facts) m.fact(f);
  return m;
};

it('what the process itself knows', async () => {
  const m = metrics();
  expect(await lines(m, 'build_info')).toEqual(['build_info{version="0.0.0"} 1']);
  expect(await lines(m, 'sse_clients')).toEqual(['sse_clients 3']);
  expect(await lines(m, 'journal_offset')).toEqual(['journal_offset 7']);
  expect(await lines(m, 'chat_outbox_depth')).toEqual(['chat_outbox_depth{door="slack"} 2']);
});

it('failovers and moves of home, and how long they took', async () => {
  const journal = memoryJournal(manualClock(1000));
  const change = { app: 'book', epoch: 9, from: 'ca', to: 'sa', why: 'ca is gone', by: 'sa', planned: false, at: 1 };
  journal.append({ kind: 'state.failover', cluster: 'sa', data: { ...change, tookMs: 3900 } });
  journal.append({ kind: 'state.moved', cluster: 'ca', data: { ...change, planned: true, tookMs: null } });
  const m = told(journal.read());
  expect(await lines(m, 'state_home_changes_total')).toEqual([
    'state_home_changes_total{app="book",result="failover"} 1',
    'state_home_changes_total{app="book",result="move"} 1',
  ]);
  expect(await lines(m, 'state_home_change_duration_seconds')).toEqual([
    'state_home_change_duration_seconds_sum{app="book",result="failover"} 3.9',
    'state_home_change_duration_seconds_count{app="book",result="failover"} 1',
  ]);
});

it('commands of all doors, each once: a wish over HTTP and its run are one', async () => {
  const clock = manualClock(1000);
  const journal = memoryJournal(clock);
  const say = (run: string, kind: string, data: object): void => void journal.append({ kind, run, data: toJson(data) });
  say('a', 'http.command', { verb: 'drain' });
  say('a', 'command.start', { verb: 'drain', door: 'http' });
  say('b', 'command.start', { verb: 'up', door: 'cli' });
  say('c', 'http.command', { verb: 'lock' });
  clock.advance(4000);
  say('a', 'command.end', { verb: 'drain', exit: 0 });
  say('a', 'http.end', { exit: 0 });
  say('b', 'command.end', { verb: 'up', exit: 4 });
  say('c', 'http.end', { exit: 3 });
  say('d', 'command.end', { verb: 'up', exit: 0 });
  const m = told(journal.read());
  expect(await lines(m, 'commands_total')).toEqual([
    'commands_total{verb="drain",door="http",result="0"} 1',
    'commands_total{verb="up",door="cli",result="4"} 1',
    'commands_total{verb="lock",door="http",result="3"} 1',
  ]);
  expect(await lines(m, 'command_duration_seconds_sum{verb="drain"')).toEqual([
    'command_duration_seconds_sum{verb="drain",door="http"} 4',
  ]);
});

describe('releases', () => {
  it('a release that is taken back: its phases, the skew of its flips, the time of the rollback', async () => {
    const shop = await new Shop().stand();
    await release(shop.context, { target: 'shop@v2', yes: true }, shop.io());
    expect((await measuredNow(shop.context)).releases).toEqual([{ app: 'shop', decision: 'committed', step: 'keep' }]);
    await rollback(shop.context, { app: 'shop' }, shop.io());
    const m = told(shop.journal.read());
    expect(await lines(m, 'releases_total')).toEqual(['releases_total{app="shop",result="rolledback"} 1']);
    expect(await lines(m, 'release_step_duration_seconds_count')).toEqual(
      ['preparing', 'flip', 'soak', 'keep', 'aborting'].map(
        (phase) => `release_step_duration_seconds_count{app="shop",phase="${phase}"} 1`,
      ),
    );
    expect(await lines(m, 'flip_skew_seconds_count')).toEqual(['flip_skew_seconds_count{app="shop"} 1']);
    expect(await lines(m, 'rollback_duration_seconds_count')).toEqual([
      'rollback_duration_seconds_count{app="shop"} 1',
    ]);
  });

  it('flips of another app at the same time are not counted as its own', async () => {
    const clock = manualClock(0);
    const journal = memoryJournal(clock);
    const record = (app: string, step: string): void =>
      void journal.append({
        kind: 'release.record',
        data: { app, release: 'r1', decision: 'committed', step, wave: 0 },
      });
    const flip = (app: string, cluster: string): void =>
      void journal.append({ kind: 'release.did', cluster, data: { app, do: 'flip', put: 'ok' } });
    record('shop', 'flip');
    record('blog', 'flip');
    flip('shop', 'eu');
    clock.advance(2000);
    flip('shop', 'us');
    clock.advance(8000);
    flip('blog', 'eu');
    record('shop', 'soak');
    record('blog', 'soak');
    const m = told(journal.read());
    expect(await lines(m, 'flip_skew_seconds_sum')).toEqual(['flip_skew_seconds_sum{app="shop"} 2']);
  });
});

describe('what `tw up` does', () => {
  it.runIf(terraformBinary())('terraform: what was built, what failed; a plan alone is none of it', async () => {
    const lab = await openLab(threeClouds({ dns: undefined, apps: {} }), { fail: ['mtl'] });
    dirs.push(lab.dir);
    const { journal } = lab.ctx;
    const plan = await infraPlan(lab.ctx);
    expect(await lines(told(journal.read()), 'reconcile')).toEqual([]);
    const whole = planOf(
      plan,
      { id: 'x', clusters: ['sao', 'mtl'].map((name) => ({ name, apps: [] })) } as never,
      undefined,
    );
    journal.append({ kind: 'command.plan', data: toJson({ differs: differing(whole) }) });
    const before = await lines(told(journal.read()), 'drift_objects');
    expect(before).toEqual([expect.stringMatching(/"sao"} [1-9]/), expect.stringMatching(/"mtl"} [1-9]/)]);
    for await (const _ of infraApply(plan, lab.ctx)) continue;
    const m = told(journal.read());
    expect(await lines(m, 'reconcile_duration_seconds_count')).toEqual(
      ['sao', 'syd'].map((c) => expect.stringContaining(`{cluster="${c}",phase="infra"} 1`)),
    );
    expect(await lines(m, 'reconcile_failures_total')).toEqual([
      'reconcile_failures_total{cluster="mtl",phase="infra",code="TW2102"} 1',
    ]);
    expect(await lines(m, 'drift_objects')).toEqual(['drift_objects{cluster="sao"} 0', before[1]]);
  });

  /** Plans and applies one app on two clusters, the second one's pods never get ready. */
  async function applied(journal: Journal): Promise<void> {
    const clock = manualClock(1_700_000_000_000);
    const twins = { sao: liveTwin('sao'), syd: liveTwin('syd', {}, ['web']) };
    const clusters = Object.entries(twins).map(([name, api]) => ({ name, presence: 'present' as const, api }));
    const plan = await fleetPlan({ config: CONFIG, apps: [webApp()], clusters }, ports(clock));
    const whole = planOf({ roots: [], presence: {}, digest: '' as never }, plan, undefined);
    journal.append({ kind: 'command.plan', data: toJson({ differs: differing(whole) }) });
    const keep = keepApplied(journal, clock);
    const api = async (c: string) => twins[c as keyof typeof twins];
    for await (const e of fleetApply(plan, { api, clock, gateMs: 5000 }, new AbortController().signal)) keep(e);
  }

  it('apps: what was made, what did not get ready; what was made differs no more', async () => {
    const journal = memoryJournal();
    await applied(journal);
    const m = told(journal.read());
    expect(await lines(m, 'reconcile_duration_seconds_count')).toEqual([
      'reconcile_duration_seconds_count{cluster="sao",phase="apps"} 1',
    ]);
    expect(await lines(m, 'reconcile_failures_total')).toEqual([
      expect.stringMatching(/{cluster="syd",phase="apps",code="TW3\d+"} 1/),
    ]);
    expect(await lines(m, 'drift_objects')).toEqual([
      'drift_objects{cluster="sao"} 0',
      'drift_objects{cluster="syd"} 5',
    ]);
    journal.append({ kind: 'command.plan', data: { differs: { syd: null } } });
    expect(await lines(told(journal.read()), 'drift_objects')).toEqual(['drift_objects{cluster="sao"} 0']);
  });
});

describe('the world, as it was last looked at', () => {
  const STATUS: StatusData = {
    clusters: [
      { name: 'eu', reachable: true },
      { name: 'us', reachable: false },
    ],
    state: [
      {
        app: 'shop',
        mode: 'single-writer',
        home: 'eu',
        clusters: [{ name: 'eu', lagMs: 0, epoch: 4 }, { name: 'us', lagMs: 1500, epoch: 4 }, { name: 'br' }],
      },
      { app: 'all', mode: 'active-active', home: null, clusters: [{ name: 'eu', lagMs: 7 }] },
    ],
  };
  const MEASURED = {
    traffic: [
      {
        app: 'shop',
        answers: { eu: { NOERROR: 12, NXDOMAIN: 3 } },
        cells: [
          { prefix: 'a', to: [{ cluster: 'eu', share: 1, rttMs: 20 }] },
          {
            prefix: 'b',
            to: [
              { cluster: 'eu', share: 0.5, rttMs: 80 },
              { cluster: 'us', share: 0.5 },
            ],
          },
        ],
      },
    ],
    releases: [{ app: 'shop', decision: 'committed', step: 'soak' }],
    line: [
      { app: 'shop', verb: 'release', state: 'runs' },
      { app: null, verb: 'up', state: 'waits' },
    ],
    barriers: [{ kind: 'freeze' }, { kind: 'lock', apps: ['blog'] }],
  } as unknown as Measured;
  const NOTHING: Measured = { traffic: [], releases: [], line: [], barriers: [] };

  /** Looks that find what they are told to, in time that is told to pass. */
  function eyes() {
    vi.useFakeTimers({ now: 0 });
    const stop = new AbortController();
    const found: { status: () => Promise<StatusData>; measured: Measured } = {
      status: async () => STATUS,
      measured: MEASURED,
    };
    let asked = 0;
    const clock: Clock = {
      now: () => Date.now(),
      monotonic: () => Date.now(),
      sleep: (ms, signal) =>
        new Promise((done, no) => {
          setTimeout(done, ms);
          signal?.addEventListener('abort', () => no(new Error('stopped')), { once: true });
        }),
    };
    const looks = new Looks({
      clock,
      stopping: stop.signal,
      status: () => {
        asked += 1;
        return found.status();
      },
      measured: async () => found.measured,
    });
    const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
    const m = metrics();
    return { looks, found, stop, pass, asked: () => asked, text: async () => await m.text(looks.samples()) };
  }

  it('clusters, state, traffic, releases, locks', async () => {
    const e = eyes();
    await e.pass(10_000);
    e.looks.scraped();
    await e.pass(0);
    const text = await e.text();
    for (const line of [
      'cluster_up{cluster="eu"} 1',
      'cluster_up{cluster="us"} 0',
      'cluster_last_seen_timestamp_seconds{cluster="eu"} 10',
      'state_home{app="shop",cluster="eu"} 1',
      'state_home{app="shop",cluster="us"} 0',
      'state_lag_seconds{app="shop",cluster="us"} 1.5',
      'state_epoch{app="shop",cluster="us"} 4',
      'traffic_share_ratio{app="shop",cluster="eu"} 0.75',
      'traffic_share_ratio{app="shop",cluster="us"} 0.25',
      'traffic_rtt_seconds{app="shop",cluster="eu"} 0.04',
      'dns_answers_total{cluster="eu",code="NXDOMAIN"} 3',
      'release_phase{app="shop",phase="soak"} 1',
      'lock_held{app="shop",verb="release"} 1',
      'lock_held{app="",verb="freeze"} 1',
      'lock_held{app="blog",verb="lock"} 1',
    ])
      expect(text).toContain(`tradewind_${line}\n`);
    expect(text).not.toMatch(
      /last_seen[^\n]*"us"|state_lag[^\n]*"br"|state_home[^\n]*"all"|traffic_rtt[^\n]*"us"|verb="up"/,
    );
  });

  it('what is gone is gone, and an old look says nothing but when a cluster answered last', async () => {
    const e = eyes();
    e.looks.scraped();
    await e.pass(0);
    expect(await e.text()).toContain('cluster_up{cluster="us"} 0');
    e.found.status = async () => ({ clusters: [{ name: 'eu', reachable: true }], state: [] });
    e.found.measured = NOTHING;
    await e.pass(15_000);
    expect(await e.text()).not.toMatch(
      /cluster_up{cluster="us"|state_home{|release_phase{|dns_answers_total{|lock_held{/,
    );
    e.found.status = () => Promise.reject(new Error('no answer'));
    await e.pass(59_000);
    expect(await e.text()).toContain('cluster_up{cluster="eu"} 1');
    await e.pass(2000);
    const late = await e.text();
    expect(late).not.toContain('cluster_up{');
    expect(late).toContain('cluster_last_seen_timestamp_seconds{cluster="eu"} 15');
    e.found.status = async () => STATUS;
    await e.pass(15_000);
    expect(await e.text()).toContain('cluster_up{cluster="eu"} 1');
  });

  it('a look that hangs does not end the looks', async () => {
    const e = eyes();
    e.found.status = () => new Promise(() => undefined);
    e.looks.scraped();
    await e.pass(29_000);
    expect([e.asked(), await e.text()]).toEqual([1, expect.not.stringContaining('cluster_up{')]);
    e.found.status = async () => STATUS;
    await e.pass(17_000);
    expect(await e.text()).toContain('cluster_up{cluster="eu"} 1');
  });

  it('looks begin with the first scrape, and end when nobody scrapes any more or the server stops', async () => {
    const e = eyes();
    await e.pass(100_000);
    expect(e.asked()).toBe(0);
    e.looks.scraped();
    await e.pass(200_000);
    e.looks.scraped();
    await e.pass(290_000);
    const before = e.asked();
    expect(before).toBe(33);
    await e.pass(1_000_000);
    expect(e.asked() - before).toBeLessThanOrEqual(1);
    const rest = e.asked();
    e.looks.scraped();
    await e.pass(20_000);
    expect(e.asked()).toBe(rest + 2);
    e.stop.abort();
    await e.pass(100_000);
    expect(e.asked()).toBe(rest + 2);
  });
});

describe('a scrape', () => {
  it('waits for nobody: clusters that hang are not in it, and the text comes at once', async () => {
    const rig = rigIn(folder());
    rig.twin.engine.traffic.hold = () => new Promise(() => undefined);
    rig.parts.contexts.get = () => new Promise(() => undefined);
    const r = await rig.app.request('/metrics', { headers: HOST });
    const text = await r.text();
    expect(r.headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('tradewind_chat_outbox_depth{door="lab"} 2');
    expect(text).not.toContain('tradewind_cluster_up{');
    rig.stop.abort();
  });

  it('whoever invents paths makes no new series', async () => {
    const rig = rigIn(folder());
    for (const path of ['/api/v1/a', '/api/v1/b', '/hooks/x', '/hooks/y', '/c', '/d'])
      await rig.app.request(path, { method: 'POST', headers: HOST });
    const text = await rig.parts.metrics.text([]);
    const series = text.split('\n').filter((l) => l.startsWith('tradewind_http_request_duration_seconds_count'));
    expect(series).toHaveLength(3);
    expect(series.join()).not.toMatch(/hooks|\/a|\/b/);
  });

  it('has every metric of the table, and no other', async () => {
    const text = await metrics().text([]);
    const names = [...text.matchAll(/^# TYPE tradewind_(\S+) (\S+)/gm)].map((m) => `${m[1]} ${m[2]}`);
    expect(names.toSorted()).toEqual(
      Object.entries(DEFINITIONS)
        .map(([name, d]) => `${name} ${d.kind}`)
        .toSorted(),
    );
  });
});
