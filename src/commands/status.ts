import { type AppStatus, appsOf, type ClusterStatus, fleetStatus } from '../fleet/index.ts';
import { writeKubeconfig } from '../infra/index.ts';
import { EXIT, type Json, type Row, type Tone, text, toJson, untrusted } from '../kernel/index.ts';
import { type ChatBehind, chatsBehind } from './book/chats.ts';
import type { Context, Io } from './context.ts';
import { earlierRuns } from './earlier.ts';
import type { Args, Missing, Outcome } from './model.ts';
import { holdingData, holdingRows, holdings } from './release/holdings.ts';
import { liveVersions } from './release/live.ts';
import { selectClusters } from './select.ts';
import { dashboardOf } from './serving.ts';
import { stateRow } from './state.ts';

function appTone(a: AppStatus): Tone {
  if (a.ready) return 'ok';
  return a.state === 'Progressing' ? 'busy' : a.state === 'Absent' ? 'off' : a.state === 'Unknown' ? 'unknown' : 'bad';
}

function appRow(a: AppStatus): Row {
  const cells = {
    ready: [text(`${a.replicas.ready}/${a.replicas.wanted}`)],
    version: [text(a.version ?? '')],
    health: [text(a.state)],
  };
  return {
    key: a.name,
    tone: appTone(a),
    label: [text(a.name)],
    cells,
    ...(a.why.length === 0 ? {} : { why: [untrusted(a.why.join('; '))] }),
    kids: [],
  };
}

interface Place {
  cloud: string;
  region: string;
}

function clusterRow(s: ClusterStatus, at: Place): Row {
  const cells = {
    ready: [text(s.reachable ? `${s.nodes.ready}/${s.nodes.total} nodes` : 'no answer')],
    version: [text(s.version ?? '')],
    health: [text(`${at.cloud} ${at.region}`)],
  };
  const tone: Tone = s.ready ? 'ok' : s.problem === undefined && !s.reachable ? 'off' : s.reachable ? 'busy' : 'bad';
  return {
    key: s.name,
    tone,
    label: [text(s.name)],
    cells,
    ...(s.problem === undefined ? {} : { why: [untrusted(s.problem.why[0] ?? s.problem.title)] }),
    kids: s.apps.map(appRow),
  };
}

function appData(name: string, all: readonly ClusterStatus[]): Json {
  const clusters = all.flatMap((s) => {
    const a = s.apps.find((x) => x.name === name);
    return a === undefined
      ? []
      : [
          {
            name: s.name,
            ready: a.ready,
            replicas: a.replicas.ready,
            wanted: a.replicas.wanted,
            version: a.version ?? null,
            health: a.state,
            why: [...a.why],
          },
        ];
  });
  return { name, clusters };
}

/** A chat that does not show what is true: nothing waits for it, but who reads it should know. */
const chatRow = (b: ChatBehind, now: number): Row => ({
  key: `chat ${b.door}`,
  tone: 'warn',
  label: [text(`chat ${b.door}: behind `), { t: 'time', ms: now - b.since }],
  cells: { cards: [text(String(b.cards))] },
  ...(b.why === null ? {} : { why: [untrusted(b.why)] }),
  kids: [],
});

/** A book that cannot be read tells of no chat. */
const behind = async (c: Context): Promise<ChatBehind[]> =>
  await (async () => await chatsBehind(c.book()))().catch(() => []);

/** How long a status waits for the switch of a silent cluster. */
const LIVE_MS = 4000;

/** Clusters, apps and health now; a silent cluster is named and makes the answer partial. */
export async function status(c: Context, args: Args): Promise<Outcome> {
  const config = await c.config();
  const e = await c.engine();
  const outputs = await e.outputs();
  const wanted = selectClusters(config, args['on'] as string[]);
  const clusters = wanted.map((k) => {
    const api = e.kube(k.name, outputs);
    return { name: k.name, ...(api === undefined ? {} : { api }) };
  });
  const [{ versions }, held, state, chats] = await Promise.all([
    liveVersions(e, outputs, LIVE_MS),
    holdings(e, outputs, LIVE_MS),
    e.state.look(outputs),
    behind(c),
  ]);
  const apps = appsOf(config, versions);
  const all = await fleetStatus({ fleet: config.fleet, clusters, apps, clock: c.clock });
  const placeOf = (name: string): Place => wanted.find((k) => k.name === name) ?? { cloud: '', region: '' };
  const missing: Missing[] = all
    .filter((s) => !s.reachable)
    .map((s) => ({ cluster: s.name, why: s.problem?.why[0] ?? 'not built' }));
  const data: Json = {
    fleet: config.fleet,
    dashboard: dashboardOf(c),
    clusters: all.map((s) => ({
      name: s.name,
      ...placeData(placeOf(s.name)),
      ready: s.ready,
      reachable: s.reachable,
      nodes: s.nodes.ready,
      nodesTotal: s.nodes.total,
      version: s.version ?? null,
      why: s.problem?.why[0] ?? null,
    })),
    apps: config.apps.map((a) => appData(a.name, all)),
    releases: holdingData(held),
    state: toJson(state),
    chats: toJson(chats),
  };
  return {
    data,
    view: {
      at: c.clock.now(),
      rows: [
        ...all.map((s) => clusterRow(s, placeOf(s.name))),
        ...state.map(stateRow),
        ...holdingRows(held),
        ...chats.map((b) => chatRow(b, c.clock.now())),
      ],
    },
    missing,
    warnings: earlierRuns(e),
    ...(missing.length === 0 ? {} : { exit: EXIT.partial }),
  };
}

const placeData = (p: Place): { cloud: string; region: string } => ({ cloud: p.cloud, region: p.region });

/** Writes the kubeconfig of all clusters that stand. */
export async function kubeconfig(c: Context, args: Args, io: Io): Promise<Outcome> {
  const e = await c.engine();
  const outputs = await e.outputs();
  writeKubeconfig(outputs, e.place, e.kubeconfig, { fleet: e.config.fleet });
  const contexts = Object.keys(outputs);
  if (args['printPath'] === true && !io.machine) io.out(`${e.kubeconfig}\n`);
  const rows: Row[] =
    args['printPath'] === true
      ? []
      : [
          {
            key: 'path',
            tone: 'ok',
            label: [text(e.kubeconfig)],
            cells: { contexts: [text(contexts.join(', '))] },
            kids: [],
          },
        ];
  return { data: { path: e.kubeconfig, contexts }, view: { at: c.clock.now(), rows } };
}
