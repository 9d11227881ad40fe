import { toJson } from '../../kernel/index.ts';
import { ahead } from '../access/machine/lanes.ts';
import { cancel, inLine } from '../book/line.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { line, placeRow } from './rows.ts';

/** `tw queue`: who changes the fleet now, and who waits for whom. */
export async function queue(c: Context): Promise<Outcome> {
  const now = c.clock.now();
  const all = await inLine(c.book());
  const rows = all.map((p) => placeRow(p, ahead(p, all), now));
  const data = all.map((p) => ({ ...p, behind: ahead(p, all).map((o) => o.id) }));
  const shown = rows.length === 0 ? [line('none', 'ok', 'nothing changes the fleet and nothing waits')] : rows;
  return { data: toJson({ line: data }), view: { at: now, rows: shown } };
}

/** `tw cancel`: takes a command that waits out of the line. Throws TW6203, TW6207. */
export async function cancelWaiting(c: Context, args: Args): Promise<Outcome> {
  const because = (args['because'] as string | undefined) ?? null;
  const gone = await cancel(c.book(), args['id'] as string, { by: byOf(c), because });
  const row = line(gone.id, 'ok', `${gone.id} tw ${gone.what} is cancelled`, { by: gone.by, because: because ?? '' });
  return { data: toJson(gone), view: { at: c.clock.now(), rows: [row] } };
}
