/** What clocks do to one nameserver: verdicts by the monotonic one, ends of holds by that of the wall. */
import { expect, it } from 'vitest';
import type { Clock } from '../../kernel/index.ts';
import { snapshot } from '../machine/fixtures.ts';
import type { Probe } from '../model.ts';
import { makeKeys, signSnapshot } from '../sign.ts';
import { Brain, type Sheet } from './brain.ts';

const T = 'sao/guestbook';
const keys = makeKeys();
const good: Probe = { ok: true, cause: 'ok', detail: '200', ms: 1 };
const bad: Probe = { ok: false, cause: 'timeout', detail: '', ms: 1000 };

function createNode() {
  const at = { wall: 1_700_000_000_000, steady: 5000 };
  const clock: Clock = { now: () => at.wall, monotonic: () => at.steady, sleep: async () => undefined };
  const noop = (): void => undefined;
  const base = { cluster: 'mtl', fleet: snapshot().fleet, publicKey: keys.publicKey, clock };
  const brain = new Brain({ ...base, kept: { health: {}, boot: 0 }, onNews: noop, onKeep: noop });
  let n = 0;
  const second = (probe: Probe): void => {
    at.steady += 1000;
    at.wall += 1000;
    brain.probed(T, probe);
    const votes: Sheet['votes'] = { [T]: { state: probe.ok ? 'up' : 'down', cause: probe.cause } };
    brain.heard({ fleet: base.fleet, from: 'syd', boot: 1, n: ++n, held: false, votes, snapshot: null });
  };
  return { at, brain, second, state: () => brain.health()[T] };
}

it('a jump of the wall clock changes no verdict, back or forth', () => {
  const { at, brain, second, state } = createNode();
  brain.adopt(signSnapshot(snapshot(), keys.privateKey));
  for (let i = 0; i < 3; i++) second(good);
  for (const jump of [86_400_000, -172_800_000]) {
    at.wall += jump;
    brain.tick();
    expect(state()).toMatchObject({ state: 'up', unsure: false, lone: false });
  }
  for (let i = 0; i < 3; i++) second(bad);
  expect(state()).toMatchObject({ state: 'down', unsure: false });
  at.wall += 86_400_000;
  brain.tick();
  expect(state()).toMatchObject({ state: 'down', unsure: false });
  // Only time that passed makes votes stale.
  at.steady += 3001;
  brain.tick();
  expect(state()).toMatchObject({ state: 'down', unsure: true });
});

it('a hold ends at its time of the wall, by itself', () => {
  const { at, brain } = createNode();
  const until = at.wall + 60_000;
  const hold = { id: 'd', kind: 'drain' as const, cluster: 'mtl', by: 'ana', why: 'x', since: at.wall, until };
  brain.adopt(signSnapshot(snapshot({ holds: [hold] }), keys.privateKey));
  expect(brain.held()).toBe(true);
  at.wall = until - 1;
  brain.tick();
  expect([brain.held(), brain.sheet().held]).toEqual([true, true]);
  at.wall = until;
  brain.tick();
  expect([brain.held(), brain.sheet().held]).toEqual([false, false]);
});
