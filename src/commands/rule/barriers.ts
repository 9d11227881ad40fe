import { fault, type Row, toJson } from '../../kernel/index.ts';
import type { Approval, Barrier, Reach } from '../access/model.ts';
import { durationMs } from '../access/policy.ts';
import { waiting } from '../book/approvals.ts';
import { barriers, find, incidents, lift, ofCalendar, raise } from '../book/barriers.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { selectApp, selectClusters } from '../select.ts';
import { lineNow } from './queue.ts';
import { barrierRow, factRows, line, placeRow } from './rows.ts';

/** What the arguments name; nothing named = everything. Throws TW6003, TW6004. */
export async function reachOf(c: Context, args: Args): Promise<Reach> {
  const config = await c.config();
  const app = args['app'] as string | undefined;
  const on = (args['on'] as readonly string[] | undefined) ?? [];
  return {
    ...(app === undefined ? {} : { apps: [selectApp(config, app).name] }),
    ...(on.length === 0 ? {} : { clusters: selectClusters(config, on).map((k) => k.name) }),
  };
}

/** Throws TW6002. */
function untilOf(args: Args, now: number): number | null {
  const wish = args['for'] as string | undefined;
  if (wish === undefined) return null;
  const ms = durationMs(wish);
  if (ms !== undefined && ms > 0) return now + ms;
  throw fault('TW6002', { value: '--for', why: [`"${wish}" is no duration such as 30m, 2h`] });
}

async function put(c: Context, args: Args, kind: Barrier['kind']): Promise<Outcome> {
  const now = c.clock.now();
  const reach = await reachOf(c, args);
  const because = args['because'] as string;
  const b = await raise(c.book(), { ...reach, kind, by: byOf(c), because, at: now, until: untilOf(args, now) });
  return { data: toJson(b), view: { at: now, rows: [barrierRow(b)] } };
}

async function end(c: Context, args: Args, kind: Barrier['kind']): Promise<Outcome> {
  const now = c.clock.now();
  const b = await find(c.book(), kind, { id: args['id'] as string | undefined, now });
  await lift(c.book(), b, now);
  const row = line(b.id, 'ok', `${kind} ${b.id} is over`, { because: (args['because'] as string | undefined) ?? '' });
  return { data: toJson({ ...b, until: now }), view: { at: now, rows: [row] } };
}

/** `tw freeze`: nothing goes forward until it is lifted or its time is over. */
export const freeze = (c: Context, args: Args): Promise<Outcome> => put(c, args, 'freeze');
export const unfreeze = (c: Context, args: Args): Promise<Outcome> => end(c, args, 'freeze');
/** `tw lock`: only its owner goes forward. */
export const lock = (c: Context, args: Args): Promise<Outcome> => put(c, args, 'lock');
export const unlock = (c: Context, args: Args): Promise<Outcome> => end(c, args, 'lock');

const approvalRow = (a: Approval): Row => ({
  ...line(a.id, 'wait', `approval ${a.id}`, {
    of: `${a.verb} ${a.app ?? 'the fleet'} on ${a.clusters.join(', ')}`,
    by: a.requester,
    until: new Date(a.until).toISOString(),
    votes: `${a.votes.filter((v) => v.says === 'yes').length} of ${a.quorum}`,
  }),
  kids: factRows(a.facts ?? {}),
});

/** Locks and freezes that stand now, of persons and of the calendar. Throws TW1020. */
export async function barriersNow(c: Context): Promise<Barrier[]> {
  const now = c.clock.now();
  const freezes = await c.config().then(
    (k) => k.freezes,
    () => [],
  );
  return [...(await barriers(c.book(), now)), ...(await ofCalendar(freezes, now))];
}

/** `tw locks`: everything that stops or waits now. */
export async function locks(c: Context): Promise<Outcome> {
  const now = c.clock.now();
  const book = c.book();
  const up = await barriersNow(c);
  const [open, all] = [await waiting(book, now), await incidents(book)];
  const live = all.filter((i) => i.endedAt === null);
  const places = await lineNow(c);
  const rows = [
    ...live.map((i) => line(i.id, 'bad', `incident ${i.id}`, { by: i.by, because: i.because })),
    ...up.map(barrierRow),
    ...places.map((p) => placeRow(p, p.behind, now)),
    ...open.map(approvalRow),
  ];
  const shown = rows.length === 0 ? [line('none', 'ok', 'nothing stops and nothing waits')] : rows;
  return {
    data: toJson({ barriers: up, line: places, approvals: open, incidents: live }),
    view: { at: now, rows: shown },
  };
}
