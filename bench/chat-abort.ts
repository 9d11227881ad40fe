// "abort" and "rollback" typed in a chat while nothing else and while 50 commands are under way, and in process when the
// server of those 50 is gone: how long until the order is accepted (recorded as begun) and until it is done. The real
// verbs, gate, desk, line and outbox over a book in a SQLite file; the clusters are in memory, on a clock that runs fifty
// times faster, the chat is the lab.
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Lab } from '../src/chat/adapters/lab.ts';
import { inLine } from '../src/commands/book/line.ts';
import { runCommand } from '../src/commands/index.ts';
import { openStore, type Store, systemClock, type Txn } from '../src/kernel/index.ts';
import { APP, World } from '../test/transcripts/chat-doors/world.ts';
import { median, ms, quantile, type Row, table } from './lib/measure.ts';

const ROUNDS = 5;
const OTHERS = 50;
const RULES = {
  people: { ana: { accounts: ['lab:ana', `os:${userInfo().username}`] } },
  rights: [{ who: ['ana'], may: ['look', 'safe', 'forward'] }],
  approvals: [{ quorum: 0 }],
  chat: { lab: {} },
};

type Verb = 'abort' | 'rollback';
type Told = Readonly<Record<string, number>>;

/** One book in a file; tells when a record of a verb is written. */
class Filed extends World {
  readonly told: Record<string, number> = {};
  #store: Store | undefined;

  override book(): Store {
    if (this.#store !== undefined) return this.#store;
    const store = openStore(join(this.dir, 'book.db'));
    const txn = store.txn.bind(store);
    store.txn = async (t: Txn) => {
      const put = await txn(t);
      for (const p of t.put) {
        const { what, data } = p.value as { what?: string; data?: { verb?: string } };
        if (p.key.startsWith('audit/record/')) this.told[`${what} ${data?.verb}`] ??= performance.now();
      }
      return put;
    };
    this.#store = store;
    return store;
  }

  async decision(): Promise<string | undefined> {
    const call = { verb: 'history', args: { app: APP } };
    const { data } = await runCommand(this.context(call), call, this.shop.io());
    return (data as { releases: { decision: string }[] }).releases[0]?.decision;
  }
}

interface Took {
  acceptedMs: number;
  doneMs: number;
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await systemClock.sleep(2);
}

const since = (began: number, told: Told, verb: Verb): Took => ({
  acceptedMs: (told[`started ${verb}`] ?? Number.NaN) - began,
  doneMs: (told[`ended ${verb}`] ?? Number.NaN) - began,
});

/** A release that can be taken back with this verb, and `others` behind it. */
async function underWay(w: Filed, lab: Lab, o: { verb: Verb; others: number }): Promise<void> {
  lab.say('ana', `/tw release ${APP}@v2 --yes${o.verb === 'abort' ? ' --hold=commit' : ''}`);
  const decided = o.verb === 'abort' ? 'preparing' : 'committed';
  await until(async () => (await w.decision()) === decided);
  for (let i = 0; i < o.others; i++) lab.say('ana', `/tw release ${APP}@v${i + 3} --yes`);
  await until(async () => (await inLine(w.book())).length === o.others + 1);
}

async function once(verb: Verb, others: number, door: 'chat' | 'in-process'): Promise<Took> {
  const w = new Filed(undefined, RULES, { lastSoak: '1h' });
  await w.shop.stand();
  const lab = new Lab({ clock: systemClock, newId: () => w.newId() });
  const stop = new AbortController();
  const running = w.chat([lab], stop.signal);
  try {
    await underWay(w, lab, { verb, others });
    const began = performance.now();
    if (door === 'chat') lab.say('ana', `/tw ${verb} ${APP}`);
    else {
      const from = { door, identity: { platform: 'os', tenant: '', actor: userInfo().username } };
      const call = { verb, args: { app: APP }, from };
      await runCommand(w.context(call), call, w.shop.io('yes'));
    }
    await until(() => w.told[`ended ${verb}`] !== undefined);
    return since(began, w.told, verb);
  } finally {
    stop.abort();
    await running;
    await w.book().close();
    await w.close();
  }
}

interface Arm {
  verb: Verb;
  door: 'chat' | 'in-process';
}
const ARMS: readonly Arm[] = [
  { verb: 'abort', door: 'chat' },
  { verb: 'rollback', door: 'chat' },
  { verb: 'rollback', door: 'in-process' },
];
const nameOf = (a: Arm, others: number): string => `${a.verb} ${a.door} ${others}`;
const took = new Map<string, Took[]>();
const cases = ARMS.flatMap((arm) => [0, OTHERS].map((others) => ({ arm, others })));
for (let i = -1; i < ROUNDS; i++)
  for (const { arm, others } of cases) {
    const t = await once(arm.verb, others, arm.door);
    const name = nameOf(arm, others);
    if (i >= 0) took.set(name, [...(took.get(name) ?? []), t]);
  }

const rows = ARMS.flatMap((arm): Row[] =>
  (['acceptedMs', 'doneMs'] as const).map((what) => {
    const [busy, idle] = [OTHERS, 0].map((n) => (took.get(nameOf(arm, n)) ?? []).map((t) => t[what]));
    const [mine, alone] = [median(busy ?? []), median(idle ?? [])];
    return {
      name: `${arm.verb}, ${arm.door}: ${what === 'acceptedMs' ? 'accepted' : 'done'}`,
      ours: `${ms(mine)} (p95 ${ms(quantile(busy ?? [], 0.95))})`,
      peer: `nothing else ${ms(alone)}`,
      ratio: mine / alone,
      goal: '≤ 2',
    };
  }),
);
table(`an order while ${OTHERS} commands wait behind a release (median of ${ROUNDS}, in turn)`, rows);
