import { randomBytes } from 'node:crypto';
import type { KubeApi } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, fault, type Lease, type TwError } from '../kernel/index.ts';
import { countOver } from '../state/backup/adapters/counted.ts';
import { fencedSource, saved } from '../state/backup/adapters/fenced-source.ts';
import { type PodAt, runIn, writeIn } from '../state/backup/adapters/pod-files.ts';
import { linked } from '../state/backup/adapters/stream.ts';
import {
  bytesOfSnapshot,
  CANARY,
  givenUp,
  idOf,
  type Manifest,
  misfit,
  RestoreRefused,
  reload,
  restoreSnapshot,
  SnapshotError,
  takeSnapshot,
} from '../state/backup/index.ts';
import { AGENT_POD, type AgentReport, factsOf, namespaceOf, prefixOf, type StoreView } from '../state/index.ts';
import { alone, apiAt, backupsOf, failed, loaderAt, redisAt, usersAt, vaultOf } from './state-backup.ts';
import { planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { mayChange } from './state-freeze.ts';
import { askAll, factsFor } from './state-look.ts';

export interface RestoreWish {
  app: SharedApp;
  snapshot: string;
  sure(known: readonly string[]): Promise<void>;
  show(say: string): void;
  signal: AbortSignal;
}
export interface Restored {
  home: ClusterName;
  epoch: number;
  /** Snapshot of what was replaced. */
  salvage: string;
  known: readonly string[];
}

const NEW = '/data/tw-restore.rdb';
const STEP_MS = 180_000;
const END_MS = 2000;
const POLL_MS = 500;

/** Throws TW5131, TW5130. */
async function wanted(w: StateWiring, x: RestoreWish): Promise<Manifest> {
  const all = await backupsOf(w, x.app);
  const m = all.find((b) => b.id === x.snapshot);
  if (m === undefined)
    throw fault('TW5131', {
      value: x.snapshot,
      why: [
        `in ${vaultOf(w, x.app).where}: ${
          all
            .slice(0, 5)
            .map((b) => b.id)
            .join(', ') || 'none'
        }`,
      ],
      fix: [{ say: 'See what there is:', command: `tw state backups ${x.app.name}` }],
    });
  if (m.is === 'failed')
    throw failed(
      m,
      all.find((b) => b.is === 'verified'),
    );
  return m;
}

const heardIn = (all: readonly AgentReport[], c: ClusterName): AgentReport | undefined =>
  all.find((r) => r.cluster === c);

/** Who gets the file: home, or whoever has most where there is none. Throws TW5132. */
async function targetOf(w: StateWiring, app: SharedApp, outputs: Outputs): Promise<ClusterName> {
  const heard = await askAll(w, app, outputs);
  const f = factsOf(await planNow(w, app, outputs), heard, []);
  if (f.home !== null) return f.home;
  const [most] = heard
    .flatMap((h) => ('report' in h && h.report.look !== undefined ? [{ name: h.cluster, look: h.report.look }] : []))
    .toSorted((a, b) => (b.look.marker?.epoch ?? 0) - (a.look.marker?.epoch ?? 0) || b.look.offset - a.look.offset);
  if (most !== undefined) return most.name;
  throw fault('TW5132', { value: app.name, why: ['no agent answers'] });
}

/** The Redis of one voter, with everything that is needed to work on it. */
class Place {
  readonly name: ClusterName;
  readonly #w: StateWiring;
  readonly #app: string;
  readonly api: KubeApi;
  readonly pod: PodAt;
  readonly #agent: string;

  constructor(w: StateWiring, x: { app: string; name: ClusterName; api: KubeApi; agent: string }) {
    this.#w = w;
    this.#app = x.app;
    this.name = x.name;
    this.api = x.api;
    this.#agent = x.agent;
    this.pod = { api: x.api, namespace: namespaceOf(x.app), name: AGENT_POD, container: 'redis' };
  }
  static async of(w: StateWiring, x: { app: string; name: ClusterName }, outputs: Outputs): Promise<Place> {
    const api = apiAt(w, x.name, outputs);
    const { agent } = await usersAt(api, x.app);
    return new Place(w, { ...x, api, agent });
  }

  get source() {
    const { clock } = this.#w;
    return fencedSource({
      pod: this.pod,
      dial: () => this.api.forward(redisAt(this.#app)),
      password: this.#agent,
      clock,
    });
  }
  count = async () => {
    const at = { clock: this.#w.clock, user: 'tw-agent', password: this.#agent };
    return await linked(this.api.forward(redisAt(this.#app)), at, countOver);
  };

  /** The file takes the place of the data on disk, and the process that holds the old ones ends. */
  async swap(m: Manifest, bytes: AsyncIterable<Uint8Array>, run: string): Promise<void> {
    await writeIn(this.pod, NEW, bytes, m.size);
    const sum = await runIn(this.pod, ['sha256sum', NEW]);
    if (!sum.startsWith(m.sha256)) throw new Error(`the file in ${this.name} has another digest`);
    const { clock } = this.#w;
    const at = { clock, user: 'tw-agent', password: this.#agent };
    await linked(this.api.forward(redisAt(this.#app)), at, async (link) => {
      const now = await countOver(link);
      if (now.run !== run || now.role !== 'fenced') throw new Error(`the Redis of ${this.name} is not what was fenced`);
      // No save of this process may come over the file.
      await link.ask(['CONFIG', 'SET', 'save', '']);
      await saved(link, clock);
      await runIn(this.pod, ['mv', NEW, '/data/dump.rdb']);
      // The end of the process is the answer, and a forwarded port may not tell it; what comes back is looked at.
      await link.ask(['SHUTDOWN', 'NOSAVE', 'NOW'], END_MS).catch((e: unknown) => {
        if (String(e).startsWith('Error: ERR')) throw e;
      });
    });
  }
  /** What a restore that did not go left on disk. */
  async tidy(): Promise<void> {
    await runIn(this.pod, ['rm', '-f', NEW]).catch(() => undefined);
  }
}

/** The copy that had most when it was fenced; one whose data are provable before any other. */
function richest(view: StoreView, voters: readonly ClusterName[], home: ClusterName): ClusterName {
  const told = voters.flatMap((c) => {
    const at = view.fences[c]?.at;
    return at === undefined || at === 'none' || view.fences[c]?.ballot !== view.ballot?.n ? [] : [{ c, at }];
  });
  return told.toSorted((a, b) => b.at.epoch - a.at.epoch || b.at.offset - a.at.offset)[0]?.c ?? home;
}

/** Everything that there is, from the copy that has most, before it is replaced. Throws RestoreRefused. */
async function salvaged(
  w: StateWiring,
  x: RestoreWish,
  at: { from: ClusterName; home: ClusterName; outputs: Outputs },
) {
  const place = await Place.of(w, { app: x.app.name, name: at.from }, at.outputs);
  const m = await takeSnapshot(
    {
      clock: w.clock,
      source: place.source,
      vault: vaultOf(w, x.app),
      loader: await loaderAt(place.api, { app: x.app.name, signal: x.signal }, w),
    },
    {
      id: `${idOf(x.app.name, w.clock.now(), randomBytes(2).toString('hex'))}-salvage`,
      fleet: w.config.fleet,
      app: x.app.name,
      kind: 'salvage',
      from: at.from,
      home: at.home,
    },
  );
  if (m.is !== 'verified') throw new RestoreRefused(`no salvage snapshot of what is there: step ${m.step}: ${m.why}`);
  return m;
}

/** Loads it once more, in the version that runs now. Throws TW5130. */
async function proved(w: StateWiring, x: RestoreWish, m: Manifest, api: KubeApi): Promise<void> {
  try {
    const loader = await loaderAt(api, { app: x.app.name, signal: x.signal }, w);
    const loaded = await reload({ vault: vaultOf(w, x.app), loader }, m);
    const keys = { least: m.keys ?? 0, most: m.keys ?? Infinity };
    const bad = misfit(loaded, { engine: m.engine, epoch: m.log.epoch, keys });
    if (bad !== undefined) throw new SnapshotError(bad.step, bad.why);
  } catch (e) {
    if (!(e instanceof SnapshotError)) throw e;
    throw failed({ ...m, step: e.step, why: e.message }, undefined);
  }
}

const refused = (x: RestoreWish, e: RestoreRefused): TwError =>
  fault('TW5132', {
    value: x.snapshot,
    why: [e.message, 'nothing was replaced: what was there counts, and writes go on by themselves'],
    fix: [{ say: 'See how it stands:', command: 'tw state status' }],
  });

/** Until home has the snapshot and enough copies of it for a write. Throws TW5132. */
async function settledIn(w: StateWiring, x: RestoreWish, epoch: number, outputs: Outputs): Promise<void> {
  const { voters } = await planNow(w, x.app, outputs);
  const enough = 1 + Math.floor(voters.length / 2);
  const end = w.clock.monotonic() + STEP_MS;
  for (;;) {
    const f = await factsFor(w, x.app, outputs);
    if (f.home !== null && (f.epoch ?? 0) >= epoch && f.copies >= enough) return;
    if (w.clock.monotonic() > end)
      throw fault('TW5132', {
        value: x.snapshot,
        why: [
          `it is decided (epoch ${epoch}), but home ${f.home ?? 'is nowhere'} has ${f.copies} copies, ${enough} are needed`,
        ],
        fix: [{ say: 'See what it waits for:', command: 'tw state status' }],
      });
    await w.clock.sleep(POLL_MS, x.signal);
  }
}

/** The canary of the snapshot goes; best effort. */
async function cleared(w: StateWiring, app: string, home: Place): Promise<void> {
  const { write } = await usersAt(home.api, app);
  const at = { clock: w.clock, user: 'tw-w', password: write };
  await linked(home.api.forward(redisAt(app)), at, async (link) => await link.ask(['DEL', CANARY])).catch(
    () => undefined,
  );
}

async function replaced(
  w: StateWiring,
  x: RestoreWish & { m: Manifest; home: Place; lease: Lease },
  outputs: Outputs,
): Promise<{ epoch: number; salvage: string }> {
  const { home, m } = x;
  const { voters } = await planNow(w, x.app, outputs);
  let salvage = '';
  try {
    const { epoch } = await restoreSnapshot(
      {
        clock: w.clock,
        store: w.store,
        prefix: prefixOf(x.app.name),
        voters,
        lease: x.lease,
        home: home.name,
        look: async () => {
          const reports = (await askAll(w, x.app, outputs)).flatMap((h) => ('report' in h ? [h.report] : []));
          return heardIn(reports, home.name)?.look;
        },
        salvage: async (view) => {
          const from = richest(view, voters, home.name);
          salvage = (await salvaged(w, x, { from, home: home.name, outputs })).id;
        },
        place: async (run) => await home.swap(m, bytesOfSnapshot(vaultOf(w, x.app), m), run),
        misfit: async (look) => {
          const now = await home.count();
          if (now.run !== look.run) return 'another process answers';
          const keys = { least: m.keys ?? 0, most: m.keys ?? Infinity };
          const { engine, epoch, keys: n } = now;
          return misfit({ engine, epoch, keys: n, canary: null }, { engine: m.engine, epoch: m.log.epoch, keys })?.why;
        },
        show: x.show,
        signal: x.signal,
      },
      m.id,
    );
    return { epoch, salvage };
  } catch (e) {
    await home.tidy();
    throw e instanceof RestoreRefused
      ? refused(x, e)
      : refused(x, new RestoreRefused(e instanceof Error ? e.message : String(e)));
  }
}

/**
 * Puts a snapshot in place of the data of an app. Throws TW5003, TW5130, TW5131, TW5132, TW6005, TW1020.
 */
export async function restoreBackup(w: StateWiring, x: RestoreWish, outputs: Outputs): Promise<Restored> {
  if (x.app.state.mode !== 'single-writer')
    throw fault('TW5003', { value: x.app.state.mode, why: ['snapshots are restored in single-writer state alone'] });
  const m = await wanted(w, x);
  await mayChange(w, x.app, x.snapshot);
  const home = await Place.of(w, { app: x.app.name, name: await targetOf(w, x.app, outputs) }, outputs);
  x.show(`${m.id} is loaded in a throw-away Redis`);
  await proved(w, x, m, home.api);
  const now = await home.count().catch(() => undefined);
  const known = givenUp(m, now === undefined ? undefined : { log: now, keys: now.keys }, w.clock.now());
  await x.sure(known);
  return await alone(w, x.app.name, async (lease) => {
    await mayChange(w, x.app, x.snapshot);
    const { epoch, salvage } = await replaced(w, { ...x, m, home, lease }, outputs);
    await settledIn(w, x, epoch, outputs);
    await cleared(w, x.app.name, home);
    return { home: home.name, epoch, salvage, known };
  });
}
