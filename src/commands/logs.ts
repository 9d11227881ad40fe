import { type ClusterApi, type ExecResult, fleetExec, fleetLogs, type LogLine, type PodQuery } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { clean, cleanLines, EXIT, type ExitCode, fault, type Row, text, toJson, untrusted } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { Engine } from './ports.ts';
import { liveVersions } from './release/live.ts';
import { redactorOf } from './secrets.ts';
import { selectApp, selectClusters } from './select.ts';
import { dryOrAgreed } from './would.ts';

/** How long the switch of a silent cluster is waited for; without an answer every version is meant. */
const LIVE_MS = 4000;

async function liveOf(e: Engine, outputs: Outputs, app: string): Promise<Record<string, string | undefined>> {
  const { versions } = await liveVersions(e, outputs, LIVE_MS);
  return Object.fromEntries(Object.entries(versions[app] ?? {}).map(([c, v]) => [c, v[0]]));
}

/** APIs of the chosen clusters, and the pods meant. Throws TW6003, TW6004, TW3012 when none is built. */
async function targets(c: Context, args: Args): Promise<{ clusters: ClusterApi[]; query: PodQuery }> {
  const config = await c.config();
  const app = selectApp(config, args['app'] as string | undefined);
  const e = await c.engine();
  const outputs = await e.outputs();
  const of = args['of'] as string | undefined;
  const live = app.release === undefined || of !== undefined ? {} : await liveOf(e, outputs, app.name);
  const clusters = selectClusters(config, args['on'] as string[]).flatMap((k): ClusterApi[] => {
    const api = e.kube(k.name, outputs);
    const version = of === 'all' ? undefined : (of ?? live[k.name]);
    return api === undefined ? [] : [{ cluster: k.name, api, ...(version === undefined ? {} : { version }) }];
  });
  if (clusters.length === 0) throw fault('TW3012', { value: app.name, why: ['none of the clusters is built'] });
  const container = args['container'] as string | undefined;
  return {
    clusters,
    query: { app: { name: app.name, namespace: app.namespace }, ...(container === undefined ? {} : { container }) },
  };
}

/** One line of a terminal: whatever a pod printed, it stays inside its own line and column. */
export function logLine(l: LogLine, follow: boolean): string {
  if (l.kind === 'gap')
    return `… ${l.cluster} ${l.pod ?? ''} ${l.seconds === undefined ? `lost: ${clean(l.why)}${follow ? ', retrying' : ''}` : `back after ${l.seconds} s`}\n`;
  return `${l.late ? 'late ' : ''}${l.cluster} ${l.pod} ${l.container} ${clean(l.text)}\n`;
}

/** Streams the lines of all clusters in the order of their times; as NDJSON with -o json. */
export async function logs(c: Context, args: Args, io: Io): Promise<Outcome> {
  const { clusters, query } = await targets(c, args);
  const since = args['since'] as number | undefined;
  let lines = 0;
  const all = fleetLogs(
    {
      ...query,
      clusters,
      follow: args['follow'] === true,
      tail: args['tail'] as number,
      clock: c.clock,
      ...(since === undefined ? {} : { sinceSeconds: since }),
    },
    io.signal,
  );
  for await (const l of all) {
    lines += 1;
    io.out(io.machine ? `${JSON.stringify(l)}\n` : logLine(l, args['follow'] === true));
  }
  return { data: { lines }, view: { at: c.clock.now(), rows: [] }, streamed: true };
}

function resultRow(r: ExecResult): Row {
  const at = `${r.cluster} ${r.pod ?? ''}`;
  if ('problem' in r)
    return {
      key: at,
      tone: 'bad',
      label: [text(at)],
      cells: {},
      why: [untrusted(r.problem.why[0] ?? r.problem.title)],
      kids: [],
    };
  return {
    key: at,
    tone: r.code === 0 ? 'ok' : 'bad',
    label: [text(at)],
    cells: { exit: [text(String(r.code))] },
    kids: [],
  };
}

/** What a pod prints stays inside of its own lines, so that the name before them cannot be forged. */
const beside = (cluster: string, piece: string): string => cleanLines(piece).replace(/^(?=.)/gm, `${cluster}: `);

interface Output {
  stdout: string;
  stderr: string;
}

/** Runs a command in one pod of the app in each cluster, side by side; one exit code each. */
export async function exec(c: Context, args: Args, io: Io): Promise<Outcome> {
  const { clusters, query } = await targets(c, args);
  const argv = args['argv'] as string[];
  const pods = clusters.map((k) => [k.cluster, `one pod of ${k.version ?? 'any version'}`]);
  const dry = dryOrAgreed(c, args, Object.fromEntries(pods));
  if (dry !== undefined) return dry;
  await c.take?.();
  const outputs = new Map<string, Output>(clusters.map((k) => [k.cluster, { stdout: '', stderr: '' }]));
  const take =
    (stream: keyof Output) =>
    (chunk: Uint8Array, from: { cluster: string }): void => {
      const piece = Buffer.from(chunk).toString();
      const at = outputs.get(from.cluster);
      if (at !== undefined) at[stream] += piece;
      if (!io.machine) io.out(clusters.length === 1 ? piece : beside(from.cluster, piece));
    };
  c.journal().append({
    kind: 'command.exec',
    data: { app: query.app.name, argv: (await redactorOf(c)).json(argv), clusters: clusters.map((k) => k.cluster) },
  });
  const results = await fleetExec(clusters, query, argv, {
    stdout: take('stdout'),
    stderr: take('stderr'),
    signal: io.signal,
  });
  const data = { results: toJson(results.map((r) => ({ ...r, ...outputs.get(r.cluster) }))) };
  const view = { at: c.clock.now(), rows: clusters.length === 1 ? [] : results.map(resultRow) };
  const problem = results.flatMap((r) => ('problem' in r ? [r.problem] : []))[0];
  const codes = results.flatMap((r) => ('code' in r ? [r.code] : []));
  const worst = Math.max(0, ...codes);
  const exit = clusters.length === 1 ? (worst as ExitCode) : EXIT.failure;
  return { data, view, ...(problem === undefined ? {} : { problem }), ...(worst > 0 ? { exit } : {}) };
}
