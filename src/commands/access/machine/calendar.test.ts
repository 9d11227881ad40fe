import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../config/index.ts';
import { calendar } from './calendar.ts';

const freezesOf = (...freezes: object[]) =>
  checkConfig(
    {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } },
      apps: { shop: { manifests: ['m'] } },
      freezes: freezes.map((f, i) => ({ name: `f${i}`, because: 'so', zone: 'Europe/Berlin', ...f })),
    },
    '/x/tradewind.yaml',
    '',
  ).freezes;
const faults = (freeze: object): string => {
  try {
    freezesOf(freeze);
    return 'none';
  } catch (error) {
    return JSON.stringify((error as { problem: object }).problem);
  }
};

/** Until when it is frozen at this moment; null = it is not. */
const until = (freezes: ReturnType<typeof freezesOf>, at: string): string | null => {
  const [b] = calendar(freezes, Date.parse(at));
  return b === undefined ? null : (b.local ?? '').replace(/ \S+$/, '');
};

describe('each day', () => {
  const night = freezesOf({ from: '18:00', to: '08:00', days: ['mon', 'tue', 'wed', 'thu'] });
  it.each([
    ['2026-11-23T16:59Z', null], // Monday 17:59 in Berlin
    ['2026-11-23T17:00Z', '2026-11-24 08:00'],
    ['2026-11-24T06:59Z', '2026-11-24 08:00'],
    ['2026-11-24T07:00Z', null],
    ['2026-11-27T06:00Z', '2026-11-27 08:00'], // Friday morning: it began on Thursday
    ['2026-11-27T18:00Z', null],
  ])('%s: until %s', (at, end) => expect(until(night, at)).toBe(end));

  it('days that touch are one: nobody is told an end that is none', () => {
    const weekend = freezesOf({ from: '00:00', to: '24:00', days: ['sat', 'sun'] });
    expect(until(weekend, '2026-11-28T12:00Z')).toBe('2026-11-30 00:00');
    expect(until(weekend, '2026-11-29T23:00Z')).toBeNull();
  });
});

describe('each week, once, and not then', () => {
  const weekend = { from: 'fri 16:00', to: 'mon 06:00' };
  it.each([
    [weekend, '2026-11-27T14:59Z', null],
    [weekend, '2026-11-27T15:00Z', '2026-11-30 06:00'],
    [weekend, '2026-11-30T04:59Z', '2026-11-30 06:00'],
    [weekend, '2026-11-30T05:00Z', null],
    [{ from: '2026-12-20', to: '2027-01-02' }, '2026-12-19T22:59Z', null],
    [{ from: '2026-12-20', to: '2027-01-02' }, '2026-12-19T23:00Z', '2027-01-03 00:00'],
    [{ from: '2026-12-20T18:00', to: '2026-12-21T06:00' }, '2026-12-20T16:59Z', null],
    [{ ...weekend, except: ['2026-11-28'] }, '2026-11-28T12:00Z', null],
    [{ ...weekend, except: ['2026-11-28'] }, '2026-11-27T16:00Z', '2026-11-28 00:00'],
    [{ ...weekend, except: ['2026-11-28T09:00/2026-11-28T12:00'] }, '2026-11-28T11:30Z', '2026-11-30 06:00'],
    [{ ...weekend, zone: 'Asia/Kolkata' }, '2026-11-27T10:30Z', '2026-11-30 06:00'],
    [{ ...weekend, zone: 'Asia/Kolkata' }, '2026-11-27T10:29Z', null],
  ])('%j at %s: until %s', (f, at, end) => expect(until(freezesOf(f), at)).toBe(end));
});

describe('when clocks change', () => {
  // Berlin: 02:00-03:00 of 2026-03-29 is missing, 02:00-03:00 of 2026-10-25 comes twice.
  const frozenFor = (f: object, day: string): number => {
    const freezes = freezesOf(f);
    const minutes = Array.from(
      { length: 48 * 60 },
      (_, i) => Date.parse(`${day}T00:00Z`) - 12 * 3_600_000 + i * 60_000,
    );
    return minutes.filter((at) => calendar(freezes, at).length > 0).length;
  };

  it('the hour that is missing and the one that comes twice are frozen', () => {
    const once = (day: string, from: string, to: string) => ({ from: `${day}T${from}`, to: `${day}T${to}` });
    expect(frozenFor(once('2026-03-29', '02:30', '03:30'), '2026-03-29')).toBe(60); // 01:30-02:00 and 03:00-03:30
    expect(frozenFor(once('2026-03-29', '01:00', '02:30'), '2026-03-29')).toBe(90); // 01:00-02:00 and 03:00-03:30
    expect(frozenFor(once('2026-10-25', '02:15', '02:45'), '2026-10-25')).toBe(90); // first 02:15 to second 02:45
    expect(frozenFor(once('2026-10-25', '01:00', '04:00'), '2026-10-25')).toBe(240);
  });

  it('an exception never makes the doubled hour free', () => {
    const f = freezesOf({ from: '2026-10-25', to: '2026-10-25', except: ['2026-10-25T02:15/2026-10-25T02:45'] });
    for (let at = Date.parse('2026-10-25T00:00Z'); at < Date.parse('2026-10-25T02:00Z'); at += 60_000)
      expect(calendar(f, at), new Date(at).toISOString()).toHaveLength(1);
  });

  it('at any moment of any zone: what is frozen ends later, and at its end it is not frozen', () => {
    const zone = fc.constantFrom(
      'Europe/Berlin',
      'America/Sao_Paulo',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Pacific/Apia',
    );
    const clock = fc
      .record({ h: fc.nat(23), m: fc.nat(59) })
      .map(({ h, m }) => `${h}`.padStart(2, '0') + `:${`${m}`.padStart(2, '0')}`);
    const day = fc.constantFrom('mon', 'wed', 'sat', 'sun');
    const form = fc.oneof(
      fc.record({ from: clock, to: clock }),
      fc.tuple(day, clock, day, clock).map(([a, x, b, y]) => ({ from: `${a} ${x}`, to: `${b} ${y}` })),
    );
    const when = fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-12-31') });
    fc.assert(
      fc.property(zone, form, when, (z, f, at) => {
        const freezes = freezesOf({ zone: z, ...f });
        const [b] = calendar(freezes, at);
        if (b === undefined) return;
        expect(b.until).toBeGreaterThan(at);
        expect(b.at).toBeLessThanOrEqual(at);
        if ((b.until ?? 0) - at < 30 * 86_400_000) expect(calendar(freezes, b.until ?? 0)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a freeze that cannot be', () => {
  it.each([
    [{ from: '18:00', to: 'mon 08:00' }, 'written in one form'],
    [{ from: '6pm', to: '08:00' }, 'a time (18:00)'],
    [{ from: '2026-02-30', to: '2026-03-01' }, 'there is no such day'],
    [{ from: '2026-03-02', to: '2026-03-01' }, 'lies before'],
    [{ from: 'fri 18:00', to: 'mon 08:00', days: ['mon'] }, 'goes with times alone'],
    [{ from: '18:00', to: '08:00', zone: 'Europe/Berlim' }, 'no such time zone'],
    [{ from: '18:00', to: '08:00', apps: ['shpo'] }, 'the fleet has no app'],
    [{ from: '18:00', to: '08:00', except: ['tomorrow'] }, 'freezes.0.except'],
  ])('%j', (f, why) => expect(faults(f)).toContain(why));
});
