import { fault, type Lease } from '../kernel/index.ts';
import { freeze, freezeSay, frozen, prefixOf } from '../state/index.ts';
import type { SharedApp, StateWiring } from './state-deploy.ts';

/** Whoever freezes and dies does so for no longer. */
const TTL_MS = 30_000;

/** Until the lease is closed nobody moves home or copies on purpose; undefined: somebody else sees to that already. */
export const freezeApp = async (w: StateWiring, app: SharedApp, owner: string): Promise<Lease | undefined> =>
  await freeze(w.store, prefixOf(app.name), { owner, ttlMs: TTL_MS });

/** Throws TW5140 while somebody wants home and copies to stay where they are; `value`: what was asked for. */
export async function mayChange(w: StateWiring, app: SharedApp, value: string): Promise<void> {
  const held = await frozen(w.store, prefixOf(app.name), w.clock.now());
  if (held === undefined) return;
  throw fault('TW5140', {
    value,
    why: [freezeSay(held), 'a failover is not kept back by that'],
    fix: [{ say: 'Try again when that is over:', command: 'tw history' }],
  });
}
