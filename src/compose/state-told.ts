import type { AppConfig } from '../config/index.ts';
import { dictOf, textOf } from '../fleet/index.ts';
import type { Outputs } from '../infra/index.ts';
import { type ClusterName, within } from '../kernel/index.ts';
import {
  FILES,
  JOINING_KEY,
  namespaceOf,
  peersIn,
  prefixOf,
  SETTINGS,
  type Settings,
  type VoterWish,
  viewIn,
} from '../state/index.ts';
import type { StateWiring } from './state-deploy.ts';

/** Where copies are, and who was to be home first. */
export interface Pinned {
  mode: Settings['mode'];
  voters: readonly ClusterName[];
  home?: ClusterName;
  /** Who has a Redis: the voters, and who is on the way to be one. */
  peers: readonly ClusterName[];
}

const STORE_MS = 3000;
const TOLD_MS = 4000;
/** So long the answer is taken as that of now. */
const KEPT_MS = 5000;

function pinnedIn(text: string | undefined): Pinned | undefined {
  try {
    const { voters = [], home, mode = 'single-writer', ...more } = JSON.parse(text ?? '{}') as Partial<Settings>;
    const peers = peersIn({ voters, ...more });
    return voters.length === 0 ? undefined : { mode, voters, peers, ...(home === undefined ? {} : { home }) };
  } catch {
    return undefined;
  }
}

/** What the clusters were told; undefined: the state has not begun, or nobody answers. */
async function toldOf(w: StateWiring, app: string, outputs: Outputs): Promise<Pinned | undefined> {
  const ref = { group: '', kind: 'ConfigMap', namespace: namespaceOf(app), name: SETTINGS };
  const read = async (cluster: ClusterName): Promise<Pinned | undefined> => {
    const found = await w.kube(cluster, outputs)?.get(ref);
    return pinnedIn(textOf(dictOf(found?.['data'])[FILES.settings]));
  };
  const each = w.config.clusters.map((c) =>
    within(w.clock, TOLD_MS, read(c.name), () => undefined).catch(() => undefined),
  );
  const all = (await Promise.all(each)).flatMap((p) => p ?? []);
  // Of a change that is half told nobody's Redis is taken away.
  return all[0] && { ...all[0], peers: [...new Set(all.flatMap((p) => p.peers))].toSorted() };
}

/** The change that is under way. */
export async function joiningOf(w: StateWiring, app: string): Promise<{ value?: VoterWish; revision: number }> {
  const key = prefixOf(app) + JOINING_KEY;
  const { entries } = await w.store.range(key);
  const found = entries.find((e) => e.key === key);
  return found === undefined
    ? { revision: 0 }
    : { value: found.value as unknown as VoterWish, revision: found.revision };
}

/** The store has the last word on who counts, and on who is on the way. */
async function inStore(w: StateWiring, app: string): Promise<{ voters?: readonly ClusterName[]; add?: ClusterName }> {
  const [{ epoch }, { value }] = await Promise.all([viewIn(w.store, prefixOf(app)), joiningOf(w, app)]);
  const { voters } = epoch?.value ?? {};
  return { ...(voters === undefined ? {} : { voters }), ...(value === undefined ? {} : { add: value.add }) };
}

async function asked(w: StateWiring, app: AppConfig, outputs: Outputs): Promise<Pinned | undefined> {
  const store = within(w.clock, STORE_MS, inStore(w, app.name), () => undefined).catch(() => undefined);
  const told = await toldOf(w, app.name, outputs);
  if (told?.mode !== 'single-writer') return told;
  const said = await store;
  if (said === undefined) return told;
  const voters = said.voters ?? told.voters;
  return {
    ...told,
    voters,
    peers: [...new Set([...voters, ...(said.add === undefined ? [] : [said.add])])].toSorted(),
  };
}

/** Where the copies of an app are; undefined: its state has not begun, or nobody answers. */
export async function pinnedOf(w: StateWiring, app: AppConfig, outputs: Outputs): Promise<Pinned | undefined> {
  const kept = w.pinned.get(app.name);
  const now = w.clock.monotonic();
  if (kept !== undefined && now - kept.at < KEPT_MS) return kept.is;
  const is = (await asked(w, app, outputs)) ?? kept?.is;
  if (is !== undefined) w.pinned.set(app.name, { is, at: now });
  return is;
}
