import { toJson } from '../../kernel/index.ts';
import { ahead } from '../access/machine/lanes.ts';
import { cancel, inLine, type Place, sayWait } from '../book/line.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { line, placeRow } from './rows.ts';

/** A place in the line, and the ids of those it waits for. */
export interface Waiter extends Place {
  behind: readonly string[];
}

/** Who changes the fleet now, and who waits for whom, in order of arrival. Throws TW1020. */
export async function lineNow(c: Context): Promise<Waiter[]> {
  const all = await inLine(c.book());
  return all.map((p) => ({ ...p, behind: ahead(p, all).map((o) => o.id) }));
}

/** `tw queue`. */
export async function queue(c: Context): Promise<Outcome> {
  const now = c.clock.now();
  const all = await lineNow(c);
  const rows = await Promise.all(
    all.map(async (p) => {
      const before = all.filter((o) => p.behind.includes(o.id));
      return placeRow(p, p.behind, now, await sayWait(c.book(), before, now));
    }),
  );
  const shown = rows.length === 0 ? [line('none', 'ok', 'nothing changes the fleet and nothing waits')] : rows;
  return { data: toJson({ line: all }), view: { at: now, rows: shown } };
}

/** `tw cancel`: takes a command that waits out of the line. Throws TW6203, TW6207. */
export async function cancelWaiting(c: Context, args: Args): Promise<Outcome> {
  const because = (args['because'] as string | undefined) ?? null;
  const gone = await cancel(c.book(), args['id'] as string, { by: byOf(c), because });
  const row = line(gone.id, 'ok', `${gone.id} tw ${gone.what} is cancelled`, { by: gone.by, because: because ?? '' });
  return { data: toJson(gone), view: { at: c.clock.now(), rows: [row] } };
}
