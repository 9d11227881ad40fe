import { existsSync } from 'node:fs';
import type { Config } from '../config/index.ts';
import { infraForget } from '../infra/index.ts';
import {
  EXIT,
  fault,
  type Json,
  type Problem,
  problemOf,
  type Row,
  type Tone,
  text,
  toJson,
  untrusted,
} from '../kernel/index.ts';
import { board, STEP_TONE } from './board.ts';
import type { Context, Io } from './context.ts';
import { unmarkHanded } from './handed.ts';
import type { Args, Outcome } from './model.ts';
import type { SandboxDoor, VisitResult } from './ports.ts';

/** Starts the sandbox and shows its steps as kids of one row. */
export async function startSandbox(
  door: SandboxDoor,
  config: Config,
  set: ReturnType<typeof board>['set'],
): Promise<void> {
  set(['sandbox'], { tone: 'busy', label: 'sandbox: three clouds on this machine' });
  for await (const s of door.up(config))
    set(['sandbox', s.step], { tone: STEP_TONE[s.state], ...(s.detail === undefined ? {} : { why: s.detail }) });
  set(['sandbox'], { tone: 'ok' });
}

export async function sandboxUp(c: Context, io: Io): Promise<Outcome> {
  const b = board(io.show, c.clock.now);
  const door = await c.sandbox();
  await startSandbox(door, await c.config(), b.set);
  const { raw } = await door.status();
  return { data: raw, view: b.view() };
}

/** What is gone is forgotten; a journal that cannot be used keeps nobody from clearing away. */
function forget(c: Context): Problem | undefined {
  try {
    if (existsSync(c.stateDir)) infraForget(c.journal(), 'sandbox');
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
}

export async function sandboxDown(c: Context, args: Args): Promise<Outcome> {
  const done = await (await c.sandbox()).down({ purge: args['purge'] === true });
  const forgotten = forget(c);
  // Its server went with its clusters.
  unmarkHanded(c.stateDir, 'sandbox');
  const rows: Row[] = [
    { key: 'killed', tone: 'ok', label: [text(`${done.killed} processes ended`)], cells: {}, kids: [] },
    ...done.verified.map((v): Row => ({ key: v, tone: 'ok', label: [text(v)], cells: {}, kids: [] })),
    ...done.left.map(
      (l): Row => ({
        key: l.what,
        tone: 'bad',
        label: [untrusted(`${l.kind} ${l.what} is left`)],
        cells: {},
        kids: [],
      }),
    ),
  ];
  const view = { at: c.clock.now(), rows };
  const warned = forgotten === undefined ? {} : { warnings: [forgotten] };
  if (done.left.length === 0) return { data: toJson(done), view, ...warned };
  return {
    data: toJson(done),
    view,
    ...warned,
    problem: fault('TW9050', { value: `${done.left.length}`, why: done.left.map((l) => `${l.kind} ${l.what}`) })
      .problem,
  };
}

export async function sandboxStatus(c: Context): Promise<Outcome> {
  const { facts, raw } = await (await c.sandbox()).status();
  const tone = (state: string): Tone =>
    state === 'up'
      ? 'ok'
      : ['starting', 'backoff', 'degraded', 'paused'].includes(state)
        ? 'warn'
        : state === 'absent'
          ? 'off'
          : 'bad';
  const rows: Row[] = [
    {
      key: 'sandbox',
      tone: tone(facts.state),
      label: [text('sandbox')],
      cells: { state: [text(facts.state)] },
      why: facts.why.map((w) => untrusted(`${w} `)),
      kids: facts.processes.map((p) => ({
        key: p.name,
        tone: tone(p.state),
        label: [text(p.name)],
        cells: { state: [text(p.state)] },
        ...(p.why === undefined ? {} : { why: [untrusted(p.why)] }),
        kids: [],
      })),
    },
    ...facts.clusters.map(
      (k): Row => ({
        key: k.cluster,
        tone: k.ready ? 'ok' : tone(k.state === 'up' ? 'starting' : k.state),
        label: [text(`cluster ${k.cluster}`)],
        cells: { state: [text(k.ready ? 'ready' : k.state)] },
        kids: k.nodes.map((n) => ({
          key: n.name,
          tone: tone(n.state),
          label: [text(n.name)],
          cells: { state: [text(n.state)] },
          kids: [],
        })),
      }),
    ),
    ...facts.chaos.map(
      (x): Row => ({ key: x.id, tone: 'bad', label: [text(`chaos ${x.kind} ${x.where}`)], cells: {}, kids: [] }),
    ),
    ...Object.entries(facts.pages).map(
      ([from, url]): Row => ({
        key: url,
        tone: 'ok',
        label: [text(`page as seen from ${from}: ${url}`)],
        cells: {},
        kids: [],
      }),
    ),
  ];
  return { data: raw, view: { at: c.clock.now(), rows } };
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

function milliseconds(value: string): number {
  const m = /^(\d+)(ms|s|m|min|h)$/.exec(value);
  if (m === null) throw fault('TW6002', { value: `--for ${value}`, why: ['a time is written as 500ms, 30s, 2m'] });
  return Number(m[1]) * (MS[m[2] ?? ''] ?? 0);
}

function setting(pair: string): [string, string | number | boolean] {
  const [key = '', ...rest] = pair.split('=');
  const value = rest.join('=');
  if (value === 'true' || value === 'false') return [key, value === 'true'];
  return [key, value !== '' && Number.isFinite(Number(value)) ? Number(value) : value];
}

export async function sandboxChaos(c: Context, args: Args): Promise<Outcome> {
  const where = args['where'] as string | undefined;
  const time = args['for'] as string | undefined;
  const { did, raw } = await (await c.sandbox()).chaos({
    what: args['what'] as string,
    ...(where === undefined ? {} : { where }),
    ...(time === undefined ? {} : { forMs: milliseconds(time) }),
    args: Object.fromEntries((args['set'] as string[]).map(setting)),
  });
  c.journal().append({ kind: 'sandbox.chaos', data: raw });
  return {
    data: raw,
    view: {
      at: c.clock.now(),
      rows: did.map((d) => ({ key: d, tone: 'ok', label: [untrusted(d)], cells: {}, kids: [] })),
    },
  };
}

function visitRow(v: VisitResult, i: number): Row {
  const cells = {
    cluster: [untrusted(v.cluster ?? '')],
    version: [untrusted(v.version ?? '')],
    status: [text(String(v.status))],
    ms: [text(v.ms.toFixed(0))],
    address: [untrusted(v.answeredBy)],
  };
  const why = v.error ?? v.body;
  return {
    key: `${v.from}${i}`,
    tone: v.status >= 200 && v.status < 400 ? 'ok' : 'bad',
    label: [text(`from ${v.from}`)],
    cells,
    ...(why === undefined ? {} : { why: [untrusted(why)] }),
    kids: [],
  };
}

/** The host users type, when only one app has traffic. Throws TW6002. */
export function onlyHost(config: Config): string {
  const hosts = config.apps.flatMap((a) => (a.traffic === undefined ? [] : [a.traffic.host]));
  const [host] = hosts;
  if (host !== undefined && hosts.length === 1) return host;
  throw fault('TW6002', {
    value: '--host',
    why: [hosts.length === 0 ? 'no app of this fleet has traffic' : `several apps have traffic: ${hosts.join(', ')}`],
  });
}

export async function sandboxVisit(c: Context, args: Args): Promise<Outcome> {
  const from = args['from'] as string;
  const config = await c.config();
  const known = config.clusters.map((k) => k.name);
  if (!known.includes(from)) throw fault('TW6003', { value: from, why: [`user regions are ${known.join(', ')}`] });
  const host = (args['host'] as string | undefined) ?? onlyHost(config);
  const visits = await (await c.sandbox()).visit({
    from,
    times: args['times'] as number,
    host,
    path: args['path'] as string,
    body: args['body'] === true,
  });
  const bad = visits.filter((v) => v.status < 200 || v.status >= 400).length;
  const data: Json = { host, failed: bad, visits: toJson(visits) };
  return {
    data,
    view: { at: c.clock.now(), rows: visits.map(visitRow) },
    ...(bad === 0 ? {} : { exit: bad === visits.length ? EXIT.failure : EXIT.partial }),
  };
}

export async function sandboxEnter(c: Context, args: Args): Promise<Outcome> {
  const argv = args['argv'] as string[];
  const exit = await (await c.sandbox()).enter(args['place'] as string, argv.length === 0 ? ['sh'] : argv);
  return { data: { exit }, view: { at: c.clock.now(), rows: [] }, exit: exit as 0 };
}
