// A release that a chat asked for, while the chat is well, away, slow, or answers 429 to everything: how long the release
// takes, and how long after the end of the trouble its card is right. The real verbs, gate, desk and outbox; the clusters
// are in memory, on a clock that runs fifty times faster, the chat is the lab.
import { Lab } from '../src/chat/adapters/lab.ts';
import type { LabSwitches } from '../src/chat/index.ts';
import { systemClock } from '../src/kernel/index.ts';
import { APP, World } from '../test/transcripts/chat-doors/world.ts';
import { median, ms, quantile, type Row, table } from './lib/measure.ts';

const ROUNDS = 7;
const POLL_MS = 2;
const RULES = {
  people: { ana: { accounts: ['lab:ana'] } },
  rights: [{ who: ['ana'], may: ['look', 'safe', 'forward'] }],
  approvals: [{ quorum: 0 }],
  chat: { lab: {} },
};

interface Took {
  releaseMs: number;
  /** From the end of the trouble until the card tells the end of the release. */
  rightMs: number;
}

async function until(what: () => boolean): Promise<number> {
  const since = performance.now();
  while (!what()) await systemClock.sleep(POLL_MS);
  return performance.now() - since;
}

async function once(trouble: Partial<LabSwitches>): Promise<Took> {
  const w = new World(undefined, RULES, { lastSoak: '100s' });
  await w.shop.stand();
  const lab = new Lab({ clock: systemClock, newId: () => w.newId() });
  const stop = new AbortController();
  const running = w.chat([lab], stop.signal);
  const row = () =>
    [...w.kept.kept].find(([k]) => k.startsWith('command/'))?.[1].value as { state?: string } | undefined;
  const cards = () => lab.view([]).entries.filter((e) => e.is === 'card');
  try {
    lab.say('ana', `/tw release ${APP}@v2 --yes`);
    await until(() => row() !== undefined);
    lab.set(trouble);
    const releaseMs = await until(() => row()?.state === 'ended');
    if (w.shop.live().some((v) => v !== 'v2')) throw new Error(`not released: ${w.shop.live().join(' ')}`);
    lab.set({ outage: false, slow: false, limited: false });
    const rightMs = await until(() => cards().some((e) => e.card.state === 'done'));
    if (cards().length !== 1) throw new Error(`${cards().length} cards of one release`);
    return { releaseMs, rightMs };
  } finally {
    stop.abort();
    await running;
    await w.close();
  }
}

const ARMS: Readonly<Record<string, Partial<LabSwitches>>> = {
  well: {},
  away: { outage: true },
  '5 s slow': { slow: true },
  '429': { limited: true },
};
const took = new Map<string, Took[]>(Object.keys(ARMS).map((name) => [name, []]));
for (let i = -1; i < ROUNDS; i++)
  for (const [name, trouble] of Object.entries(ARMS)) {
    const t = await once(trouble);
    if (i >= 0) took.get(name)?.push(t);
  }

const released = (name: string): number => median((took.get(name) ?? []).map((t) => t.releaseMs));
const rows = Object.keys(ARMS).flatMap((name): Row[] => {
  const right = (took.get(name) ?? []).map((t) => t.rightMs);
  const card: Row = {
    name: `card right after it, chat ${name}`,
    ours: `${ms(median(right))} (most ${ms(quantile(right, 1))})`,
    goal: '≤ 5 s',
  };
  if (name === 'well') return [card];
  const [mine, well] = [released(name), released('well')];
  return [
    {
      name: `release, chat ${name}`,
      ours: ms(mine),
      peer: `chat well ${ms(well)}`,
      ratio: mine / well,
      goal: '≤ 1.02',
    },
    card,
  ];
});
table(`a release asked for in chat (3 clusters in memory; median of ${ROUNDS}, in turn)`, rows);
