import { fault, problemOf, type Store } from '../kernel/index.ts';
import { keysOf } from './access/machine/lanes.ts';
import { hasToWait, type Place, takeTurn, type Waiting, type Wish } from './book/line.ts';
import type { Context, Invocation, Io } from './context.ts';
import { placeRow } from './rule/rows.ts';
import { standsInLine } from './table.ts';

const wordOf = (args: Invocation['args']): string => {
  const named = args['target'] ?? args['app'] ?? args['cluster'];
  return typeof named === 'string' && named !== '' ? ` ${named}` : '';
};

/** The place that a command asks for; undefined: it waits for nobody. `app` undefined = the fleet as a whole. */
export function wishOf(
  call: Pick<Invocation, 'verb' | 'args'>,
  who: Pick<Wish, 'command' | 'by' | 'door'>,
  on: { app: string | undefined; clusters: readonly string[] },
): Wish | undefined {
  if (!standsInLine(call.verb) || call.args['dryRun'] === true) return undefined;
  return {
    ...who,
    verb: call.verb,
    what: `${call.verb}${wordOf(call.args)}`,
    app: on.app ?? null,
    clusters: on.clusters,
    keys: keysOf(on.app, on.clusters),
  };
}

export const mayWait = (args: Invocation['args']): boolean => args['noWait'] !== true;

/** For people who look at a command that waits. */
export const waitingRows = (before: readonly Place[], now: number) => before.map((p) => placeRow(p, [], now));

/** What a line itself says; anything else means that it cannot be kept. */
const OWN: ReadonlySet<string> = new Set(['TW6201', 'TW6206']);
/** What tells more than that it cannot be kept. */
const DISK = 'TW8010';

interface Lined {
  c: Context;
  io: Io;
  call: Invocation;
  /** A line that cannot be kept stops the verb; else it is done without one. */
  strict: boolean;
  /** Called before it begins to wait: throws where it need not wait to be refused. */
  first(): Promise<void>;
}

/** What cannot be kept: refused where persons rule, else undefined. Throws TW6201, TW6204, TW6206. */
async function kept<T>(x: Lined, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (OWN.has(problemOf(cause).code)) throw cause;
    if (!x.strict) return undefined;
    if (problemOf(cause).code === DISK) throw cause;
    const fix = [{ say: 'See what is wrong:', command: 'tw doctor' }];
    throw fault('TW6204', { value: `tw ${x.call.verb}`, cause, fix });
  }
}

interface Had {
  /** The world may have moved since it was looked at. */
  waited: boolean;
  leave(): Promise<void>;
}

const AT_ONCE: Had = { waited: false, leave: async () => undefined };

/** Returns when nobody before it wants what it changes. Throws TW6201, TW6204, TW6206, and what `first` throws. */
export async function turnFor(x: Lined, wish: Wish | undefined): Promise<Had> {
  if (wish === undefined || x.call.turn === true) return AT_ONCE;
  const book = (): Store => x.c.book();
  if ((await kept(x, () => hasToWait(book(), wish))) === true) await x.first();
  let waited = false;
  const asked: Waiting = {
    clock: x.c.clock,
    signal: x.io.signal,
    wait: mayWait(x.call.args),
    waits: (before) => {
      waited = true;
      x.io.show({ at: x.c.clock.now(), rows: waitingRows(before, x.c.clock.now()) });
    },
  };
  const turn = await kept(x, async () => (await takeTurn(book(), wish, asked)) ?? 'stopped');
  if (turn === undefined) return AT_ONCE;
  if (turn !== 'stopped') return { waited, leave: () => turn.leave() };
  const why = ['it was told to stop while it waited', 'nothing was done'];
  throw fault('TW6206', { value: `tw ${wish.what}`, why });
}
