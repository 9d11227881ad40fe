import { Temporal } from 'temporal-polyfill';
import type { Config } from '../../../config/index.ts';
import type { Barrier } from '../model.ts';

type Freeze = Config['freezes'][number];

/** Unix milliseconds; `to` is the first moment after it. */
interface Span {
  from: number;
  to: number;
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

const { PlainDate, PlainTime, PlainDateTime, Instant } = Temporal;
type Local = Temporal.PlainDateTime;

/** `18:00` of a day; `24:00` is the first moment of the next one. */
const at = (day: Temporal.PlainDate, time: string): Local =>
  time === '24:00' ? day.add({ days: 1 }).toPlainDateTime() : day.toPlainDateTime(PlainTime.from(time));

/** A date alone is its first moment, or at an end the first one after it. */
const dated = (words: string, end: boolean): Local =>
  words.length > 10
    ? PlainDateTime.from(words)
    : PlainDate.from(words)
        .add({ days: end ? 1 : 0 })
        .toPlainDateTime();

/** What a wall clock shows twice, or never, is frozen: from the earlier reading to the later one. */
const frozen = (from: Local, to: Local, zone: string): Span => ({
  from: from.toZonedDateTime(zone, { disambiguation: 'earlier' }).epochMilliseconds,
  to: to.toZonedDateTime(zone, { disambiguation: 'later' }).epochMilliseconds,
});
const open = (from: Local, to: Local, zone: string): Span => ({
  from: from.toZonedDateTime(zone, { disambiguation: 'later' }).epochMilliseconds,
  to: to.toZonedDateTime(zone, { disambiguation: 'earlier' }).epochMilliseconds,
});

function daily(f: Freeze, day: Temporal.PlainDate): Span[] {
  const days = f.days as readonly string[] | undefined;
  if (days !== undefined && !days.includes(DAYS[day.dayOfWeek - 1] ?? '')) return [];
  const from = at(day, f.from);
  const same = at(day, f.to);
  const to = PlainDateTime.compare(same, from) > 0 ? same : same.add({ days: 1 });
  return [frozen(from, to, f.zone)];
}

function weekly(f: Freeze, monday: Temporal.PlainDate): Span[] {
  const of = (words: string): Local => {
    const [day = '', time = ''] = words.split(' ');
    return at(monday.add({ days: DAYS.indexOf(day) }), time);
  };
  const [from, same] = [of(f.from), of(f.to)];
  const to = PlainDateTime.compare(same, from) > 0 ? same : same.add({ weeks: 1 });
  return [frozen(from, to, f.zone)];
}

/** Times of a freeze that may hold at a moment: of the days, or the weeks, around it. */
function spansAround(f: Freeze, now: number): Span[] {
  if (f.from.includes('-')) return [frozen(dated(f.from, false), dated(f.to, true), f.zone)];
  const today = Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(f.zone).toPlainDate();
  const near = [-1, 0, 1];
  if (!f.from.includes(' ')) return near.flatMap((n) => daily(f, today.add({ days: n })));
  const monday = today.subtract({ days: today.dayOfWeek - 1 });
  return near.flatMap((n) => weekly(f, monday.add({ weeks: n })));
}

const exceptions = (f: Freeze): Span[] =>
  f.except.map((words) => {
    const [from = '', to = from] = words.split('/');
    return open(dated(from, false), dated(to, true), f.zone);
  });

const holds = (s: Span, now: number): boolean => s.from <= now && now < s.to;

/** The time in which a freeze holds now. */
function spanNow(f: Freeze, now: number): Span | undefined {
  const off = exceptions(f);
  if (off.some((e) => holds(e, now))) return undefined;
  const s = spansAround(f, now).find((x) => holds(x, now));
  if (s === undefined) return undefined;
  const starts = off.filter((e) => e.from > now && e.from < s.to && e.to > e.from).map((e) => e.from);
  const ended = off.filter((e) => e.to <= now && e.to > s.from).map((e) => e.to);
  return { from: Math.max(s.from, ...ended), to: Math.min(s.to, ...starts) };
}

/** Days of a freeze that touch each other are one: nobody is told an end that is none. */
const MOST_LINKS = 60;
function wholeSpan(f: Freeze, now: number): Span | undefined {
  const first = spanNow(f, now);
  if (first === undefined) return undefined;
  let { to } = first;
  for (let i = 0; i < MOST_LINKS; i++) {
    const next = spanNow(f, to);
    if (next === undefined) break;
    to = next.to;
  }
  return { from: first.from, to };
}

/** Freezes of the config that hold now, as barriers that nobody can lift. */
export function calendar(freezes: Config['freezes'], now: number): Barrier[] {
  return freezes.flatMap((f) => {
    const span = wholeSpan(f, now);
    if (span === undefined) return [];
    const local = Instant.fromEpochMilliseconds(span.to).toZonedDateTimeISO(f.zone).toPlainDateTime();
    const reach = { ...(f.apps && { apps: f.apps }), ...(f.clusters && { clusters: f.clusters }) };
    return [
      {
        ...{ ...reach, id: f.name, kind: 'freeze' as const, by: 'the config', because: f.because },
        ...{ at: span.from, until: span.to },
        local: `${local.toString({ smallestUnit: 'minute' }).replace('T', ' ')} ${f.zone}`,
      },
    ];
  });
}
