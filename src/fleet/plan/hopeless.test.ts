import { describe, expect, test } from 'vitest';
import { isHopeless, type Look, type Sickness, sicker } from './hopeless.ts';

const after = (looks: readonly Omit<Look, 'said'>[], said = '0 of 2 replicas available'): Sickness | undefined =>
  looks.reduce<Sickness | undefined>((s, l) => sicker(s, { said, ...l }), undefined);
const every = (from: number, to: number, pod?: string): Look[] =>
  Array.from({ length: (to - from) / 2000 + 1 }, (_, i) => ({ at: from + i * 2000, said: '', pod }));

describe('when to stop waiting for pods', () => {
  test('an image that does not exist is hopeless after 90 s, not before', () => {
    const s = after(every(10_000, 98_000, 'web: ImagePullBackOff'));
    expect(s).toBeDefined();
    expect(isHopeless(s as Sickness, 98_000)).toBe(false);
    expect(isHopeless(s as Sickness, 100_000)).toBe(true);
  });

  test('a crash loop is one, although the container runs in between', () => {
    const loop = [...every(0, 40_000, 'CrashLoopBackOff'), ...every(42_000, 60_000), ...every(62_000, 92_000, 'Crash')];
    expect(isHopeless(after(loop) as Sickness, 92_000)).toBe(true);
  });

  test('a container that runs for longer than a respite is waited for', () => {
    const healed = [...every(0, 60_000, 'CrashLoopBackOff'), ...every(62_000, 96_000)];
    expect(isHopeless(after(healed) as Sickness, 120_000)).toBe(false);
  });

  test('progress of the workload begins anew', () => {
    const first = after(every(0, 80_000, 'CrashLoopBackOff'));
    const then = sicker(first, { at: 82_000, said: '1 of 2 replicas available', pod: 'CrashLoopBackOff' });
    expect(isHopeless(then, 100_000)).toBe(false);
    expect(isHopeless(then, 172_000)).toBe(true);
  });

  test('without sick pods the whole limit is waited', () => {
    expect(isHopeless(after(every(0, 200_000)) as Sickness, 200_000)).toBe(false);
  });
});
