import type { Outputs } from '../infra/index.ts';
import { type Store, toJson } from '../kernel/index.ts';
import { type AgentReport, prefixOf, viewIn } from '../state/index.ts';
import type { RecoverParts } from './coordination-recover.ts';
import { isShared, type SharedApp, type StateWiring } from './state-deploy.ts';
import { askAll } from './state-look.ts';

const newestOf = (reports: readonly AgentReport[]): AgentReport['epoch'] =>
  reports.flatMap((r) => (r.epoch === undefined ? [] : [r.epoch])).toSorted((a, b) => b.epoch - a.epoch)[0];

async function rememberApp(w: StateWiring, x: { app: SharedApp; store: Store; outputs: Outputs }) {
  const heard = await askAll(w, x.app, x.outputs);
  const reports = heard.flatMap((h) => ('report' in h ? [h.report] : []));
  const known = newestOf(reports);
  const prefix = prefixOf(x.app.name);
  const view = await viewIn(x.store, prefix);
  const ballots = reports.flatMap((r) => [r.last?.n ?? 0, r.ballot?.n ?? 0]);
  const newest = Math.max(0, known?.epoch ?? 0, ...ballots);
  if (known === undefined || known.epoch <= (view.epoch?.value.epoch ?? 0)) return { newest, say: [] };
  const at = `${prefix}epoch`;
  await x.store.txn({
    if: [],
    put: [{ key: at, value: toJson(known) }],
  });
  return { newest, say: [`${x.app.name}: epoch ${known.epoch}, home ${known.primary}, as the agents know it`] };
}

/** What agents know and a store of before has not. */
export const rememberEpochs =
  (w: StateWiring): RecoverParts['remember'] =>
  async (store, outputs) => {
    const apps = w.config.apps.filter(isShared).filter((a) => a.state.mode === 'single-writer');
    const each = await Promise.all(apps.map((app) => rememberApp(w, { app, store, outputs })));
    return { newest: Math.max(0, ...each.map((e) => e.newest)), say: each.flatMap((e) => e.say) };
  };
