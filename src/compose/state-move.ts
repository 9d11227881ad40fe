import type { Outputs } from '../infra/index.ts';
import { fault, type Lease } from '../kernel/index.ts';
import { type Facts, HOLD_KEY, prefixOf } from '../state/index.ts';
import { planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { mayChange } from './state-freeze.ts';
import { factsFor } from './state-look.ts';

/** The hold ends by itself when whoever asked for the move dies. */
const HOLD_MS = 15_000;
const MOVE_MS = 20_000;
const POLL_MS = 200;
/** A target that lags more keeps writers waiting too long. */
const NEAR_MS = 1000;

function refuse(f: Facts, to: string, voters: readonly string[]): void {
  if (!voters.includes(to))
    throw fault('TW5002', { value: to, why: ['it has no copy of the data', `copies: ${voters.join(', ')}`] });
  if (f.home === null)
    throw fault('TW5114', { value: f.app, fix: [{ say: 'See what it waits for:', command: 'tw state status' }] });
  const target = f.clusters.find((c) => c.name === to) ?? { role: 'unknown' };
  const lag = 'lagMs' in target ? (target.lagMs ?? 0) : 0;
  if (target.role === 'copy' && lag <= NEAR_MS) return;
  const why =
    'why' in target && target.why !== undefined ? target.why : `it is ${target.role}, ${Math.round(lag)} ms behind`;
  throw fault('TW5141', {
    value: to,
    why: [why],
    fix: [{ say: 'Wait until it has caught up:', command: 'tw state status' }],
  });
}

async function held(w: StateWiring, x: { app: string; from: string; to: string; lease: Lease }): Promise<void> {
  const key = prefixOf(x.app) + HOLD_KEY;
  const value = { by: x.from, to: x.to };
  const t = await w.store.txn({ if: [{ key, revision: 0 }], put: [{ key, value, lease: x.lease.id }] });
  if (t.is === 'ok') return;
  throw fault('TW5140', {
    value: x.to,
    why: [t.is === 'stale' ? 'another move is under way' : `the store did not confirm the hold: ${t.why}`],
  });
}

/** Home at the store, and whether the hold still stands. */
async function seen(w: StateWiring, app: string): Promise<{ home: string | undefined; hold: boolean }> {
  const prefix = prefixOf(app);
  const { entries } = await w.store.range(prefix);
  const epoch = entries.find((e) => e.key === `${prefix}epoch`)?.value as { primary?: string } | undefined;
  return { home: epoch?.primary, hold: entries.some((e) => e.key === prefix + HOLD_KEY) };
}

/** Holds writes back everywhere until home has handed over; the agents do the rest. */
export async function moveHome(
  w: StateWiring,
  x: { app: SharedApp; to: string; begins?: (() => Promise<void>) | undefined; signal: AbortSignal },
  outputs: Outputs,
): Promise<{ from: string; ms: number }> {
  const { app, to } = x;
  const f = await factsFor(w, app, outputs);
  const from = f.home ?? '';
  if (from === to) return { from, ms: 0 };
  refuse(f, to, (await planNow(w, app, outputs)).voters);
  await mayChange(w, app, to);
  await x.begins?.();
  const lease = await w.store.lease(HOLD_MS);
  const began = w.clock.monotonic();
  try {
    await held(w, { app: app.name, from, to, lease });
    for (;;) {
      const now = await seen(w, app.name);
      const ms = Math.round(w.clock.monotonic() - began);
      if (now.home === to) return { from, ms };
      if (!now.hold || ms > MOVE_MS)
        throw fault('TW5141', {
          value: to,
          why: [`home is ${now.home ?? 'nowhere'}; ${to} did not reach the last write of ${from} in time`],
          fix: [{ say: 'Nothing is lost and writes go on. See how far behind it is:', command: 'tw state status' }],
        });
      await w.clock.sleep(POLL_MS, x.signal);
    }
  } finally {
    await lease.close();
  }
}
