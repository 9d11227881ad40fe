import type { StateDoor } from '../commands/index.ts';
import { type AppConfig, stateOf } from '../config/index.ts';
import type { Outputs } from '../infra/index.ts';
import { fault } from '../kernel/index.ts';
import { lastVerified, tooOld } from '../state/backup/index.ts';
import { backupsOf, failed, takeBackup, vaultOf } from './state-backup.ts';
import { appOf, isShared, planNow, planOf, type SharedApp, type StateWiring } from './state-deploy.ts';
import { freezeApp } from './state-freeze.ts';
import { factsFor, failoverWatch, introduce, priceFor, stateGate } from './state-look.ts';
import { moveHome } from './state-move.ts';
import { promoteForced } from './state-promote.ts';
import { restoreBackup } from './state-restore.ts';
import { rollCopies } from './state-roll.ts';
import { beginChange, decideChange, endChange } from './state-voters.ts';

function named(apps: readonly SharedApp[], name: string): SharedApp {
  const app = apps.find((a) => a.name === name);
  if (app === undefined) throw fault('TW5004', { value: name });
  return app;
}

/** The app, if it has a home. Throws TW5004, TW5006. */
function homed(apps: readonly SharedApp[], name: string): SharedApp {
  const app = named(apps, name);
  if (app.state.mode === 'single-writer') return app;
  throw fault('TW5006', { value: name, why: [`its mode is ${app.state.mode}`] });
}

/** The state of the apps of one fleet. */
export function stateDoor(w: StateWiring): StateDoor {
  const apps = w.config.apps.filter(isShared);
  return {
    shared: apps.length > 0,
    plans: async (outputs) => await Promise.all(apps.map((a) => planNow(w, a, outputs))),
    prices: async (outputs) => await Promise.all(apps.map((a) => priceFor(w, a, outputs))),
    whatIf: (mode) => w.config.apps.map((a) => planOf(w.config, { ...a, state: stateOf(mode) })),
    systemApps: async (outputs) => await Promise.all(apps.map((a) => appOf(w, a, outputs))),
    introduce: async function* (outputs, signal) {
      yield* introduce(w, apps, outputs, signal);
      for (const app of apps) yield* rollCopies(w, app, outputs, signal);
    },
    look: async (outputs) => await Promise.all(apps.map((a) => factsFor(w, a, outputs))),
    move: async (x, outputs, signal) => await moveHome(w, { ...x, app: homed(apps, x.app), signal }, outputs),
    begin: async (x, outputs) => await beginChange(w, { ...x, app: homed(apps, x.app) }, outputs),
    decide: async (x, outputs, signal) => await decideChange(w, { ...x, app: homed(apps, x.app), signal }, outputs),
    end: async (x) => await endChange(w, { app: homed(apps, x.app), wish: x.wish }),
    promote: async (x, outputs) => await promoteForced(w, { ...x, app: homed(apps, x.app) }, outputs),
    backup: async (x, outputs, signal) => {
      const app = named(apps, x.app);
      const snapshot = await takeBackup(w, { app, signal }, outputs);
      const last = lastVerified(await backupsOf(w, app));
      const problem = snapshot.is === 'verified' ? {} : { problem: failed(snapshot, last).problem };
      return { snapshot, where: vaultOf(w, app).where, ...problem };
    },
    restore: async (x, outputs, signal) => await restoreBackup(w, { ...x, app: named(apps, x.app), signal }, outputs),
    freeze: async (x) => {
      const app = apps.find((a) => a.name === x.app);
      return app?.state.mode === 'single-writer' ? await freezeApp(w, app, x.owner) : undefined;
    },
    backups: async (app) => ({
      all: await backupsOf(w, named(apps, app)),
      where: vaultOf(w, named(apps, app)).where,
    }),
  };
}

/** How far behind home a copy may be at the commit of a release, unless the app says otherwise. */
const MAX_LAG_MS = 5000;

/** Why a release of the app must not commit now; nothing where its state is isolated. */
export async function gateFor(
  w: StateWiring,
  x: { app: AppConfig; cluster: string },
  outputs: Outputs,
): Promise<string[]> {
  if (!isShared(x.app)) return [];
  const maxLagMs = x.app.release?.state?.maxLag ?? MAX_LAG_MS;
  const [behind, old] = await Promise.all([
    stateGate(w, { app: x.app, cluster: x.cluster, maxLagMs }, outputs),
    ageGate(w, x.app),
  ]);
  return [...behind, ...old];
}

/** Whether a failover of the app's state goes on, each time that it is asked; never where there is no home. */
export function failoverOf(w: StateWiring, app: AppConfig, outputs: Outputs): () => Promise<boolean> {
  return isShared(app) && app.state.mode === 'single-writer' ? failoverWatch(w, app, outputs) : async () => false;
}

/** A snapshot that nobody can look for is none. */
async function ageGate(w: StateWiring, app: SharedApp): Promise<string[]> {
  const maxAge = app.release?.state?.maxAge;
  if (maxAge === undefined) return [];
  const why = await backupsOf(w, app).then(
    (all) => tooOld(lastVerified(all), maxAge, w.clock.now()),
    (e: unknown) => `state: snapshots cannot be looked for: ${e instanceof Error ? e.message : String(e)}`,
  );
  return why === undefined ? [] : [why];
}
