import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  addressIn,
  type Engine,
  handedTo,
  markHanded,
  type ServerPodDoor,
  type Step,
  unmarkHanded,
} from '../../commands/index.ts';
import type { KubeApi } from '../../fleet/index.ts';
import type { Place } from '../../infra/index.ts';
import { type Clock, causes, fault, toJson } from '../../kernel/index.ts';
import type { Known } from '../../traffic/index.ts';
import { type Folder, holdsFiles, packFiles, settleFiles, unpackFiles } from './files.ts';
import type { KeeperState } from './keeper.ts';
import { PATHS } from './names.ts';
import { type ServerPodInput, serverObjects } from './plan.ts';
import { ServerPod } from './pod.ts';
import { packProject } from './project.ts';
import { askKeeper } from './way.ts';

const IMAGE = 'registry.tradewind.example/tradewind-server:v0.1.0';
/** The files of a fleet through an API server far away. Milliseconds. */
const MOVE_MS = 600_000;
const ANSWER_MS = 30_000;

export interface ServerPodWiring {
  engine: Engine;
  /** Of the simulated world: where its users are. */
  known: Known;
  stateDir: string;
  clock: Clock;
  /** The cluster's API. Throws TW8043. */
  api(): Promise<KubeApi>;
  cluster: string;
}

const folderOf = (w: ServerPodWiring): Folder => ({ stateDir: w.stateDir, rootsDir: w.engine.place.rootsDir });

/** Simulated clouds as a pod reaches them: over its own network, with files that its image brings. */
function placeInPod(place: Place, known: Known): string | undefined {
  if (place.name !== 'sandbox') return undefined;
  const { PATH, HOME: _, TMPDIR: __, TW_SANDBOX: ___, TW_SANDBOX_DIR: ____, ...env } = place.env;
  const { proxyUrl: _____, enter: ______, ...rest } = place;
  const dirs = {
    rootsDir: join(PATHS.data, 'state', 'roots'),
    lockDir: join(PATHS.data, 'state', 'locks'),
  };
  return JSON.stringify(toJson({ place: { ...rest, ...dirs, env: { PATH, ...env } }, known }));
}

function inputOf(w: ServerPodWiring, project: string): ServerPodInput {
  const { config, place } = w.engine;
  const { url, secret, identity, storage } = config.server ?? {};
  const told = placeInPod(place, w.known);
  return {
    fleet: config.fleet,
    cluster: w.cluster,
    image: IMAGE,
    identity: identity ?? { annotations: {}, labels: {} },
    storage: storage ?? '4Gi',
    project,
    ...(url === undefined ? {} : { publicUrl: url }),
    ...(secret === undefined ? {} : { env: secret }),
    ...(told === undefined ? {} : { place: told }),
  };
}

/** Nobody's files may be lost: neither the server's nor those of a folder that never handed its own over. Throws TW8041. */
function sameFiles(w: ServerPodWiring, there: KeeperState | undefined): void {
  if (there === undefined || there.is === 'empty') return;
  const { fleet } = w.engine.config;
  if (there.fleet !== fleet)
    throw fault('TW8041', { value: there.fleet, why: [`the server in ${w.cluster} is of another fleet`] });
  if (handedTo(w.stateDir) !== undefined || !holdsFiles(folderOf(w))) return;
  throw fault('TW8041', {
    value: w.cluster,
    why: [`it serves ${fleet} with files of its own, and ${w.stateDir} has some too: one of them would be lost`],
    fix: [{ say: 'Work with the server, from a folder without files of its own (a fresh clone).' }],
  });
}

async function apply(api: KubeApi, x: ServerPodInput): Promise<void> {
  for (const object of serverObjects(x))
    await api.apply(object, { manager: 'tw-server', dryRun: false, force: true, expect: 'any' });
}

/** Throws TW8041. */
function staysThere(w: ServerPodWiring): void {
  const wanted = w.engine.config.server?.in;
  if (wanted === undefined || wanted === w.cluster) return;
  throw fault('TW8041', {
    value: `${w.cluster} → ${wanted}`,
    why: [`they are with the server in ${w.cluster}`],
    fix: [
      { say: 'Take them home first:', command: 'tw server remove' },
      { say: `Then to ${wanted}:`, command: 'tw server install' },
    ],
  });
}

async function* install(w: ServerPodWiring, signal: AbortSignal): AsyncGenerator<Step> {
  staysThere(w);
  const api = await w.api();
  const pod = new ServerPod(api, w.clock);
  const there = await pod.state();
  if (there?.is === 'given')
    throw fault('TW8041', {
      value: w.cluster,
      why: ['its files were fetched; what is left of it has not been taken away'],
      fix: [{ say: 'Take it away:', command: 'tw server remove' }],
    });
  sameFiles(w, there);
  yield { step: 'project', state: 'start' };
  const { packed, id } = await packProject(w.engine.config);
  yield { step: 'project', state: 'done', detail: id };
  yield { step: 'pod', state: 'start' };
  await apply(api, inputOf(w, packed));
  const said: string[] = [];
  const hear = (why: string): void => void said.push(why);
  const state = await pod.until(() => true, { signal, hear });
  yield { step: 'pod', state: 'done', detail: said.at(-1) ?? '' };
  if (state.is === 'empty') yield* handOver(w, api);
  yield { step: 'serving', state: 'start' };
  await pod.nudge(id);
  await pod.until((s) => s.ready && s.project === id, { signal, hear: () => undefined });
  yield { step: 'serving', state: 'done' };
}

/** From the moment that they are there, this folder decides no more. */
async function* handOver(w: ServerPodWiring, api: KubeApi): AsyncGenerator<Step> {
  yield { step: 'files', state: 'start' };
  const folder = folderOf(w);
  if (!holdsFiles(folder))
    throw fault('TW8044', {
      value: w.stateDir,
      why: ['this folder has no files of the fleet to hand over'],
      fix: [{ say: 'Build the fleet first:', command: 'tw up' }],
    });
  const { engine, clock } = w;
  // Before: should this process die in between, the pod may have them.
  markHanded(w.stateDir, { address: addressIn(w.cluster), place: engine.place.name, at: clock.now() });
  try {
    await askKeeper(api, 'POST /take', { body: packFiles(folder), ms: MOVE_MS });
  } catch (e) {
    const there = await new ServerPod(api, clock).state();
    if (there?.is === 'empty') unmarkHanded(w.stateDir);
    if (there?.is !== 'serving') throw e;
  }
  yield { step: 'files', state: 'done' };
}

/** The files as they came; whoever fails before they are all here leaves the server in charge. Throws TW8044. */
async function fetchFiles(w: ServerPodWiring, api: KubeApi, pod: ServerPod, incoming: string): Promise<void> {
  try {
    await unpackFiles(await askKeeper(api, 'POST /give', { ms: MOVE_MS }), incoming);
    await askKeeper(api, 'POST /given', { ms: ANSWER_MS });
  } catch (e) {
    const now = await askKeeper(api, 'POST /keep', { ms: ANSWER_MS }).then(
      () => pod.state(),
      () => undefined,
    );
    if (now?.is === 'given') return;
    rmSync(incoming, { recursive: true, force: true });
    if (now !== undefined) throw e;
    throw fault('TW8044', {
      value: w.cluster,
      why: [...causes(e), 'whether it goes on is not known'],
      fix: [{ say: 'Ask again:', command: 'tw server remove' }],
    });
  }
}

async function* bringHome(w: ServerPodWiring, api: KubeApi, pod: ServerPod): AsyncGenerator<Step> {
  yield { step: 'files', state: 'start' };
  const incoming = mkdtempSync(join(w.stateDir, '.incoming-'));
  await fetchFiles(w, api, pod, incoming);
  const old = mkdtempSync(join(w.stateDir, '.before-'));
  await settleFiles(incoming, folderOf(w), old);
  unmarkHanded(w.stateDir);
  rmSync(incoming, { recursive: true, force: true });
  yield { step: 'files', state: 'done', detail: `what was here lies in ${old}` };
}

async function* remove(w: ServerPodWiring, signal: AbortSignal): AsyncGenerator<Step> {
  const api = await w.api();
  const pod = new ServerPod(api, w.clock);
  // They came home before: what was done here since must not be written over by what the pod still has.
  const there = await pod.state();
  if (handedTo(w.stateDir) !== undefined || there?.is !== 'given') {
    sameFiles(w, there);
    yield* bringHome(w, api, pod);
  }
  yield { step: 'pod', state: 'start' };
  await pod.remove({ signal });
  yield { step: 'pod', state: 'done' };
}

export function serverPodDoor(w: ServerPodWiring): ServerPodDoor {
  return {
    cluster: w.cluster,
    install: (signal) => install(w, signal),
    remove: (signal) => remove(w, signal),
    drop: async (signal) => await new ServerPod(await w.api(), w.clock).remove({ signal }),
    link: async () => await new ServerPod(await w.api(), w.clock).link(addressIn(w.cluster)),
  };
}
