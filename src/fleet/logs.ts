import { type Clock, clean } from '../kernel/index.ts';
import { TimeMerge } from './merge.ts';
import { type ClusterApi, type PodQuery, type Target, targetsOf } from './pods.ts';
import { KubeError, type LogOptions } from './ports.ts';

/** One line of one container. `at` is the kubelet's RFC 3339 nano time; `text` is from outside, cleaned. */
export interface LogText {
  kind: 'line';
  cluster: string;
  pod: string;
  container: string;
  at: string;
  text: string;
  /** Older than a line already told. */
  late: boolean;
}
/** A stream broke; what was missed is asked for again, without repeating lines. */
export interface LogGap {
  kind: 'gap';
  cluster: string;
  pod?: string;
  container?: string;
  at: string;
  why: string;
  /** Set when it is back: seconds it was away. */
  seconds?: number;
}
export type LogLine = LogText | LogGap;

export interface LogQuery extends PodQuery {
  clusters: readonly ClusterApi[];
  follow: boolean;
  /** Last lines of each container; default all. */
  tail?: number;
  /** Seconds back. */
  sinceSeconds?: number;
  clock: Clock;
  /** Milliseconds that a line waits for an earlier one while following; default 250. */
  windowMs?: number;
}

const WINDOW_MS = 250;
const AGAIN_MS = 1000;
const LOOK_MS = 5000;

interface Run {
  query: LogQuery;
  signal: AbortSignal;
  merge: TimeMerge<LogLine>;
  known: Set<string>;
  tasks: Set<Promise<void>>;
}
/** Where a stream stands: the last time told and all lines told at exactly that time. */
interface Cursor {
  at: string;
  told: Set<string>;
  /** Monotonic ms since when the stream is broken. */
  lost: number | undefined;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const idOf = (t: Target): string => `${t.cluster}/${t.pod.name}/${t.pod.container}`;

function split(raw: string): { at: string; text: string } | undefined {
  const blank = raw.indexOf(' ');
  const at = blank < 0 ? raw : raw.slice(0, blank);
  return /^\d{4}-\d\d-\d\dT/.test(at) ? { at, text: blank < 0 ? '' : raw.slice(blank + 1) } : undefined;
}

/** RFC 3339 with nine digits, so that times compare as text. */
function sortable(at: string): string {
  const m = /^(.{19})(?:\.(\d+))?Z$/.exec(at);
  return m === null ? at : `${m[1]}.${(m[2] ?? '').padEnd(9, '0')}Z`;
}

function isNews(c: Cursor, at: string, text: string): boolean {
  if (at < c.at) return false;
  if (at > c.at) {
    c.at = at;
    c.told.clear();
  } else if (c.told.has(text)) return false;
  c.told.add(text);
  return true;
}

/** What to ask the kubelet: from where the stream stood, at its last whole second, else as the query says. */
function optionsOf(query: LogQuery, cursor: Cursor): LogOptions {
  const { follow, tail, sinceSeconds: s } = query;
  const began = cursor.at !== '';
  const since = began ? cursor.at : s === undefined ? undefined : iso(query.clock.now() - s * 1000);
  return {
    follow,
    ...(since === undefined ? {} : { sinceTime: `${since.slice(0, 19)}Z` }),
    ...(tail === undefined || began ? {} : { tailLines: tail }),
  };
}

async function read(run: Run, t: Target, cursor: Cursor): Promise<void> {
  const { query, signal } = run;
  const began = cursor.at !== '';
  const options = optionsOf(query, cursor);
  for await (const raw of t.api.logs(t.pod, options, signal)) {
    const line = split(raw);
    if (line === undefined) continue;
    const at = sortable(line.at);
    // Only a stream that was opened again repeats; in a first pass two outputs of a container may be out of step.
    if (!isNews(cursor, at, line.text) && began) continue;
    if (cursor.lost !== undefined) await gap(run, t, 'back', (query.clock.monotonic() - cursor.lost) / 1000);
    cursor.lost = undefined;
    const value: LogLine = {
      kind: 'line',
      cluster: t.cluster,
      pod: t.pod.name,
      container: t.pod.container,
      at: line.at,
      text: clean(line.text),
      late: false,
    };
    await run.merge.push(idOf(t), cursor.at, value);
  }
}

async function isStillThere(run: Run, t: Target): Promise<boolean> {
  try {
    return (await targetsOf(t, { ...run.query, pod: t.pod.name, container: t.pod.container })).some((x) => x.ready);
  } catch (e) {
    if (e instanceof KubeError) return true;
    throw e;
  }
}

function gap(run: Run, t: Target, why: string, seconds?: number): Promise<void> {
  const at = iso(run.query.clock.now());
  const value: LogGap = {
    kind: 'gap',
    cluster: t.cluster,
    pod: t.pod.name,
    container: t.pod.container,
    at,
    why,
    ...(seconds === undefined ? {} : { seconds }),
  };
  return run.merge.push(idOf(t), sortable(at), value);
}

/** One pass over a stream; the reason when it broke. */
async function attempt(run: Run, t: Target, cursor: Cursor): Promise<string | undefined> {
  try {
    await read(run, t, cursor);
    return undefined;
  } catch (e) {
    if (!(e instanceof KubeError)) throw e;
    return e.message;
  }
}

/** Follows one container until its pod is gone; reopens at the last second and drops what was told. */
async function follow(run: Run, t: Target): Promise<void> {
  const cursor: Cursor = { at: '', told: new Set(), lost: undefined };
  const { clock, follow: again } = run.query;
  while (!run.signal.aborted) {
    const why = await attempt(run, t, cursor);
    if (!again && why !== undefined) await gap(run, t, why);
    if (!again || run.signal.aborted || !(await isStillThere(run, t))) break;
    if (cursor.lost === undefined) {
      cursor.lost = clock.monotonic();
      await gap(run, t, why ?? 'the stream ended');
    }
    await clock.sleep(AGAIN_MS, run.signal).catch(() => undefined);
  }
  run.merge.done(idOf(t));
}

function begin(run: Run, t: Target): void {
  if (run.known.has(idOf(t))) return;
  run.known.add(idOf(t));
  run.merge.open(idOf(t));
  const task = follow(run, t).finally(() => run.tasks.delete(task));
  run.tasks.add(task);
}

/** Finds containers in one cluster, again and again while following: new pods join the stream. */
async function discover(run: Run, c: ClusterApi): Promise<void> {
  const id = `${c.cluster}/`;
  let silent = false;
  do {
    run.merge.open(id);
    try {
      for (const t of await targetsOf(c, run.query)) begin(run, t);
      silent = false;
    } catch (e) {
      if (!(e instanceof KubeError)) throw e;
      const at = iso(run.query.clock.now());
      if (!silent) await run.merge.push(id, sortable(at), { kind: 'gap', cluster: c.cluster, at, why: e.message });
      silent = true;
    }
    run.merge.done(id);
    if (run.query.follow) await run.query.clock.sleep(LOOK_MS, run.signal).catch(() => undefined);
  } while (run.query.follow && !run.signal.aborted);
}

async function work(run: Run): Promise<void> {
  await Promise.all(run.query.clusters.map((c) => discover(run, c)));
  while (run.tasks.size > 0) await Promise.all(run.tasks);
}

/**
 * Logs of an app over clusters and pods as one stream by time. A cluster or pod that does not answer
 * is a gap line, never an end. Ends when all is read (without `follow`) or the signal fires.
 */
export async function* fleetLogs(query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const stop = new AbortController();
  const run: Run = {
    query,
    signal: AbortSignal.any([signal, stop.signal]),
    // What has an end is merged whole: no line is late, however slow a cluster is.
    merge: new TimeMerge(query.clock, query.follow ? (query.windowMs ?? WINDOW_MS) : undefined),
    known: new Set(),
    tasks: new Set(),
  };
  const close = (): void => run.merge.close();
  signal.addEventListener('abort', close, { once: true });
  const all = work(run).finally(close);
  all.catch(() => undefined);
  try {
    for await (const { value, late } of run.merge.lines()) yield value.kind === 'line' ? { ...value, late } : value;
    if (!signal.aborted) await all;
  } finally {
    // A reader that leaves early ends the streams too.
    stop.abort();
    signal.removeEventListener('abort', close);
    close();
  }
}
