import type { Outputs } from '../infra/index.ts';
import { fault } from '../kernel/index.ts';
import { type Forced, forced, prefixOf, viewIn } from '../state/index.ts';
import { planNow, type SharedApp, type StateWiring } from './state-deploy.ts';
import { askAll } from './state-look.ts';

const refused = (to: string, why: string) =>
  fault('TW5140', { value: to, why: [why], fix: [{ say: 'See how it stands:', command: 'tw state status' }] });

/** What a person would decide, and what is known of everybody's data. Throws TW5002, TW5140, TW1020. */
async function wanted(
  w: StateWiring,
  x: { app: SharedApp; to: string },
  outputs: Outputs,
): Promise<Extract<Forced, { is: 'epoch' }>> {
  const { voters } = await planNow(w, x.app, outputs);
  if (!voters.includes(x.to))
    throw fault('TW5002', { value: x.to, why: ['it has no copy of the data', `copies: ${voters.join(', ')}`] });
  const heard = (await askAll(w, x.app, outputs)).find((h) => h.cluster === x.to);
  if (heard === undefined || 'why' in heard) throw refused(x.to, `its agent does not answer: ${heard?.why ?? ''}`);
  const { look } = heard.report;
  if (look === undefined) throw refused(x.to, 'its Redis does not answer');
  const f = forced(await viewIn(w.store, prefixOf(x.app.name)), { voters }, { to: x.to, look });
  if (f.is === 'refused') throw refused(x.to, f.why);
  return f;
}

/** Decides the ballot that no majority of copies can decide. What the chosen copy lacks is lost. */
export async function promoteForced(
  w: StateWiring,
  x: { app: SharedApp; to: string; sure(known: readonly string[]): Promise<void> },
  outputs: Outputs,
): Promise<{ epoch: number; known: readonly string[] }> {
  const f = await wanted(w, x, outputs);
  await x.sure(f.behind);
  const prefix = prefixOf(x.app.name);
  const t = await w.store.txn({
    if: f.txn.if.map((g) => ({ key: prefix + g.key, revision: g.revision })),
    put: f.txn.put.map((p) => ({ key: prefix + p.key, value: p.value })),
  });
  if (t.is === 'ok') return { epoch: f.value.epoch, known: f.behind };
  throw refused(x.to, t.is === 'stale' ? 'something moved meanwhile: look again' : `not confirmed: ${t.why}`);
}
