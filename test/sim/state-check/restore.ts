import { restoreBallot, restoredEpoch } from '../../../src/state/machine/restore.ts';
import { started } from '../../../src/state/machine/step.ts';
import type { StateTxn } from '../../../src/state/model.ts';
import type { Bend } from './actor.ts';
import type { Send } from './data.ts';
import { SNAPSHOT } from './layout.ts';
import { lookAt, redisOf, restart } from './redis.ts';
import { ballotOf, epochOf, givenUp, opened, viewOf } from './store.ts';
import type { State, World } from './world.ts';

const WISH = { home: 'ca', snapshot: 's' };

/** Whoever restores: opens its ballot, puts the file in place, decides; or dies at any moment in between. */
export function restores(base: State, world: World, x: { out: Send; bend: Bend }): void {
  if (world.size.restores === undefined) return;
  const last = viewOf(base.store, base.store.versions.length - 1, true);
  begins(base, x.out, last);
  const { restoring } = base.store;
  if (restoring === undefined) return;
  places(base, x.out);
  if (restoring.run >= 0) decides(base, world, x);
  const s = x.out.begin();
  s.store = givenUp(s.store);
  x.out.send(s, () => 'whoever restores dies');
}

function begins(base: State, out: Send, view: ReturnType<typeof viewOf>): void {
  const left = base.budgets.restores ?? 0;
  if (left === 0 || restoreBallot(view, WISH).is !== 'txn') return;
  const s = out.begin();
  s.budgets = { ...s.budgets, restores: left - 1 };
  s.store = { ...opened(s.store), restoring: { ballot: ballotOf(base.store) + 1, run: -1 } };
  out.send(s, () => `a restore opens ballot ${ballotOf(s.store)}`);
}

/** Whatever became of the ballot: the file does not know. */
function places(base: State, out: Send): void {
  if (base.store.restoring?.run !== -1) return;
  const s = out.begin();
  restart(s, 0, SNAPSHOT);
  const agent = s.agents[0];
  if (agent !== undefined) s.agents[0] = { s: started(agent.s.setup), at: 0 };
  s.store = { ...s.store, restoring: { ballot: base.store.restoring.ballot, run: redisOf(s, 0).run } };
  out.send(s, () => 'Redis 0 starts anew with the snapshot');
}

function decides(base: State, world: World, x: { out: Send; bend: Bend }): void {
  const { restoring } = base.store;
  if (restoring === undefined || redisOf(base, 0).run !== restoring.run) return;
  const { epoch } = epochOf(base.store) ?? { epoch: 0 };
  if (epoch >= restoring.ballot) return;
  const seen = viewOf(base.store, base.store.versions.length - 1, true);
  const reports = Object.fromEntries(
    world.setups.map((s) => [s.me, { ballot: restoring.ballot, at: 'none' as const }]),
  );
  const view = x.bend.hasty === true ? { ...seen, fences: reports } : seen;
  const voters = world.setups.map((s) => s.me).toSorted();
  const found = restoredEpoch(view, voters, { ...WISH, ballot: restoring.ballot, look: lookAt(base, 0) });
  if (found.is !== 'epoch') return;
  const txn: StateTxn =
    x.bend.keepProofs === true ? { ...found.txn, put: found.txn.put.filter((p) => p.key === 'epoch') } : found.txn;
  const s = x.out.begin();
  // It may land at once, late or never.
  s.flights = [...s.flights, txn];
  s.store = givenUp(s.store);
  x.out.send(s, () => `the restore decides ballot ${restoring.ballot}`);
}
