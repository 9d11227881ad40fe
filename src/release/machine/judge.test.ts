import { describe, expect, it } from 'vitest';
import { judgeStart, judgeStep, verdictOf } from './judge.ts';
import { judged, type Part, type Rate, TERMS } from './judge-fixtures.ts';
import type { JudgeTerms } from './judging.ts';
import { growth, tallyOf } from './tally.ts';

const BLUE: Rate = { requests: 20, errors: 0.02 };
const BEFORE: Part = { stage: 'before', seconds: 300, blue: BLUE, other: BLUE };
const SETTLE: Part = { stage: 'settle', seconds: 4, green: { requests: 20 } };
const soak = (seconds: number, green: Rate, more: Partial<Part> = {}): Part => ({
  seconds,
  green,
  other: BLUE,
  ...more,
});
const verdict = (parts: readonly Part[], terms?: JudgeTerms) => {
  const { state, now } = judged(parts, terms);
  return verdictOf(state, now);
};
const say = (v: { why: readonly { say: string }[] }): string => v.why.map((r) => r.say).join('; ');

describe('errors', () => {
  it('passes a green that is as good as blue, and says on what', () => {
    const v = verdict([BEFORE, SETTLE, soak(60, BLUE)]);
    expect(v.is).toBe('pass');
    expect(v.why).toEqual([
      {
        code: 'TW7030',
        cluster: 'mtl',
        say: 'errors on mtl: green 0.1 % of 1,160 requests (at least 0.0 % with confidence), baseline 0.1 % of 5,960, limit 1 %',
      },
    ]);
  });
  it('fails one of 5 % and names green, bound, baseline and limit', () => {
    const v = verdict([BEFORE, SETTLE, soak(30, { requests: 20, errors: 1 })]);
    expect(v.is).toBe('fail');
    expect(v.why[0]).toMatchObject({ code: 'TW7030', cluster: 'mtl' });
    expect(say(v)).toMatch(
      /^errors on mtl: green 5\.0 % of \d+ requests \(at least 1\.\d % with confidence\), baseline 0\.1 % of 5,960, limit 1 %$/,
    );
  });
  it('measures by blue: the same 5 % beside a baseline of 4 % pass', () => {
    const bad: Rate = { requests: 20, errors: 0.8 };
    expect(
      verdict([{ ...BEFORE, blue: bad, other: bad }, SETTLE, soak(300, { requests: 20, errors: 1 }, { other: bad })])
        .is,
    ).toBe('pass');
  });
  it('knows nothing below the wanted number of requests', () => {
    const v = verdict([BEFORE, SETTLE, soak(60, { requests: 1 })]);
    expect(v.is).toBe('unknown');
    expect(say(v)).toBe('errors on mtl: 58 requests of green, 100 are needed for a verdict');
  });
  it('does not count errors of the time to settle', () => {
    const settling: Part = { ...SETTLE, green: { requests: 20, errors: 1 } };
    expect(verdict([BEFORE, settling, soak(60, BLUE)]).is).toBe('pass');
  });
  it('takes the drift of the others: what fails everywhere is not green', () => {
    const outage: Rate = { requests: 20, errors: 8 };
    expect(verdict([BEFORE, SETTLE, soak(120, BLUE), soak(60, outage, { other: outage })]).is).toBe('pass');
    expect(verdict([BEFORE, SETTLE, soak(120, BLUE), soak(60, outage)]).is).toBe('fail');
    expect(say(verdict([BEFORE, SETTLE, soak(120, BLUE), soak(60, outage, { other: outage })]))).toContain(
      'by the others',
    );
  });
  it('is stricter when the others got better', () => {
    const bad: Rate = { requests: 20, errors: 1 };
    const was: Part = { ...BEFORE, blue: bad, other: bad };
    expect(verdict([was, SETTLE, soak(120, bad, { other: bad })]).is).toBe('pass');
    expect(verdict([was, SETTLE, soak(120, bad, { other: { requests: 20 } })]).is).toBe('fail');
  });
  it('without a baseline passes below the limit, fails by the fuse, and between them knows nothing', () => {
    const first: Part = { stage: 'before', seconds: 10, blue: { requests: 1 } };
    expect(verdict([first, SETTLE, { seconds: 60, green: BLUE }]).is).toBe('pass');
    const between = verdict([first, SETTLE, { seconds: 120, green: { requests: 20, errors: 1 } }]);
    expect(between.is).toBe('unknown');
    expect(say(between)).toMatch(/too few requests \(10\) to compare with/);
    expect(verdict([first, SETTLE, { seconds: 60, green: { requests: 20, errors: 6 } }]).is).toBe('fail');
  });
  it('leaves out the time of a failover of state', () => {
    const masked = soak(20, { requests: 20, errors: 10 }, { masked: true });
    expect(verdict([BEFORE, SETTLE, soak(60, BLUE), masked, soak(30, BLUE)]).is).toBe('pass');
  });
  it('of a shell that takes over uses all blue has counted', () => {
    const all: Part = { ...BEFORE, blind: true };
    expect(say(verdict([all, SETTLE, soak(60, BLUE)]))).toMatch(/baseline 0\.1 % of 6,000/);
  });
});

describe('fuse', () => {
  const broken: Rate = { requests: 20, errors: 6 };
  it('blows while it settles', () => {
    const v = verdict([BEFORE, { stage: 'settle', seconds: 10, green: broken }]);
    expect(v.is).toBe('fail');
    expect(say(v)).toMatch(/ in \d+ s \(at least 1\d\.\d % with confidence\), baseline 0\.1 % of 5,960, limit 10 %$/);
  });
  it('does not blow below 20 requests, nor beside a blue that is as bad', () => {
    expect(verdict([BEFORE, { stage: 'settle', seconds: 18, green: { requests: 1, errors: 1 } }]).is).toBe('unknown');
    const bad = { ...BEFORE, blue: broken };
    expect(verdict([bad, { stage: 'settle', seconds: 10, green: broken }]).is).toBe('unknown');
  });
  it('finds 20 % within 15 s after a good hour', () => {
    const late = soak(14, { requests: 20, errors: 4 });
    expect(verdict([BEFORE, SETTLE, soak(3600, BLUE), late]).is).toBe('fail');
  });
});

describe('latency', () => {
  const fast: Rate = { requests: 20, seconds: 0.08 };
  const was: Part = { ...BEFORE, blue: fast, other: fast };
  const slow: Rate = { requests: 20, seconds: 0.08, slow: 5, slowSeconds: 0.4 };
  it('fails after three slow windows, not after two', () => {
    expect(verdict([was, SETTLE, soak(44, slow, { other: fast })]).is).toBe('pass');
    const v = verdict([was, SETTLE, soak(70, slow, { other: fast })]);
    expect(v.is).toBe('fail');
    expect(say(v)).toBe(
      'latency on mtl: green over 0.2 s for 5.0 % of 400 requests in 3 windows running (the last of 20 s), baseline at most 0.1 s for 99 % of 5,960, limit 1.5 ×',
    );
  });
  it('wants them running', () => {
    const turns = Array.from({ length: 6 }, (): Part[] => [
      soak(40, slow, { other: fast }),
      soak(20, fast, { other: fast }),
    ]);
    expect(verdict([was, SETTLE, soak(2, fast), ...turns.flat()]).is).toBe('pass');
  });
  it('sees nothing inside one bucket, and nothing above the last bound', () => {
    const inside: Rate = { requests: 20, seconds: 0.051 };
    expect(verdict([{ ...was, blue: inside }, SETTLE, soak(120, { requests: 20, seconds: 0.1 })]).is).toBe('pass');
    const above: Rate = { requests: 20, seconds: 1.1 };
    expect(verdict([{ ...was, blue: above }, SETTLE, soak(120, { requests: 20, seconds: 30 })]).is).toBe('pass');
    const high: Rate = { requests: 20, seconds: 0.9 };
    expect(verdict([{ ...was, blue: high }, SETTLE, soak(120, { requests: 20, seconds: 30 })]).is).toBe('pass');
  });
  it('takes 1.5 × 0.2 s for the bound 0.3 s', () => {
    const blue: Rate = { requests: 20, seconds: 0.15 };
    expect(verdict([{ ...was, blue }, SETTLE, soak(70, { requests: 20, seconds: 0.25 })]).is).toBe('pass');
    expect(verdict([{ ...was, blue }, SETTLE, soak(70, { requests: 20, seconds: 0.35 })]).is).toBe('fail');
  });
  it('forgives what is slow everywhere', () => {
    const all: Rate = { requests: 20, seconds: 0.45 };
    expect(verdict([was, SETTLE, soak(120, all, { other: all })]).is).toBe('pass');
    expect(verdict([was, SETTLE, soak(120, all, { other: fast })]).is).toBe('fail');
  });
});

describe('restarts', () => {
  it('fails at the first after the switch', () => {
    const v = verdict([{ ...BEFORE, restarts: 3 }, { ...SETTLE, restarts: 3 }, soak(10, BLUE, { restarts: 4 })]);
    expect(v.is).toBe('fail');
    expect(say(v)).toBe("restarts on mtl: green's containers were started anew 1 × since the switch, limit 0");
  });
  it('leaves those before it, and pods that went, alone', () => {
    expect(verdict([{ ...BEFORE, restarts: 3 }, { ...SETTLE, restarts: 3 }, soak(20, BLUE, { restarts: 1 })]).is).toBe(
      'pass',
    );
  });
  it('sees one after a pod with restarts went', () => {
    const parts = [soak(10, BLUE, { restarts: 3 }), soak(10, BLUE, { restarts: 0 }), soak(10, BLUE, { restarts: 1 })];
    expect(verdict([BEFORE, SETTLE, ...parts]).is).toBe('fail');
  });
});

describe('evidence', () => {
  it('none, old', () => {
    const blind = verdict([{ ...BEFORE, blind: true }, { ...SETTLE, blind: true }, soak(60, BLUE, { blind: true })]);
    expect(blind).toMatchObject({ is: 'unknown', why: [{ say: 'no metrics of green on mtl' }] });
    const { state, now } = judged([BEFORE, SETTLE, soak(60, BLUE)]);
    expect(verdictOf(state, now + 30_000).is).toBe('pass');
    expect(verdictOf(state, now + 31_000)).toMatchObject({
      is: 'unknown',
      why: [{ say: 'no metrics of green on mtl for 31 s' }],
    });
  });
  it('a fail stays', () => {
    const { state, now } = judged([BEFORE, SETTLE, soak(10, { requests: 20, errors: 10 }), soak(600, BLUE)]);
    expect(verdictOf(state, now + 3_600_000).is).toBe('fail');
  });
  it('a restarted gateway is no negative growth and no error', () => {
    const v = verdict([BEFORE, SETTLE, soak(60, BLUE), soak(60, BLUE, { restart: true })]);
    expect(v.is).toBe('pass');
    expect(say(v)).toMatch(/of 2,360 requests/);
  });
  it('a sample that comes twice counts once', () => {
    const { state } = judged([BEFORE, SETTLE, soak(10, BLUE)]);
    const again = { at: state.last?.at ?? 0, stage: 'soak', others: {} } as const;
    expect(judgeStep(state, again)).toBe(state);
  });
  it('of a judge that saw nothing is unknown', () => {
    expect(verdictOf(judgeStart('mtl', TERMS), 0).is).toBe('unknown');
  });
});

it('a version that had failures of others on its account before its first answer is not charged with them', () => {
  const then = tallyOf({ at: 1, requests: 12, errors: 12, latency: [] });
  const now = tallyOf({
    at: 2,
    requests: 29,
    errors: 12,
    latency: [
      { le: 0.1, count: 17 },
      { le: Infinity, count: 17 },
    ],
  });
  expect(growth(now, then)).toMatchObject({ requests: 17, errors: 0, timed: 17 });
});

it('more failures than requests since the last reading: the gateway began anew, all it counted is new', () => {
  const then = tallyOf({ at: 1, requests: 100, errors: 0, latency: [] });
  const now = tallyOf({ at: 2, requests: 120, errors: 23, latency: [{ le: Infinity, count: 97 }] });
  expect(growth(now, then)).toMatchObject({ requests: 120, errors: 23 });
});
