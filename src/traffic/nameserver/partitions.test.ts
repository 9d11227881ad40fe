/** Every way a network of 2 to 5 clusters can fall apart, with every site alive or one dead, through the real Brain. */
import { expect, it } from 'vitest';
import { manualClock } from '../../kernel/index.ts';
import { HOST, intent, snapshot } from '../machine/fixtures.ts';
import { needOf } from '../machine/quorum.ts';
import { lookup } from '../machine/table.ts';
import type { Probe, Site, Snapshot } from '../model.ts';
import { makeKeys, signSnapshot } from '../sign.ts';
import { Brain } from './brain.ts';

const ALL = ['a', 'b', 'c', 'd', 'e'];
const keys = makeKeys();
const good: Probe = { ok: true, cause: 'ok', detail: '200', ms: 1 };
const bad: Probe = { ok: false, cause: 'timeout', detail: '', ms: 1000 };

/** All partitions of a list into groups. */
function partitions(names: readonly string[]): string[][][] {
  const [first, ...rest] = names;
  if (first === undefined) return [[]];
  return partitions(rest).flatMap((p) => [
    [[first], ...p],
    ...p.map((_, i) => p.map((group, j) => (i === j ? [first, ...group] : group))),
  ]);
}

interface Net {
  names: string[];
  step(groups: string[][], dead: string | undefined): void;
  verdict(at: string, of: string): { state: string; unsure: boolean };
  answer(at: string): string;
}

function createNet(size: number): Net {
  const names = ALL.slice(0, size);
  const clock = manualClock(1_000_000);
  const sites = names.map(
    (cluster, i): Site => ({
      cluster,
      cloud: 'existing',
      region: cluster,
      place: { lat: 0, lon: i },
      edges: { guestbook: { v4: [`198.18.${i}.1`], v6: [] } },
    }),
  );
  const order = intent({ serve: { by: 'order', order: names.map((n) => [n]) } });
  const shot: Snapshot = snapshot({ sites, voters: names, intents: [order] });
  const signed = signSnapshot(shot, keys.privateKey);
  const brains = new Map(
    names.map((cluster) => {
      const noop = (): void => undefined;
      const kept = { health: {}, boot: 0 };
      const base = { cluster, fleet: shot.fleet, publicKey: keys.publicKey, clock, kept, onNews: noop, onKeep: noop };
      const brain = new Brain(base);
      brain.adopt(signed);
      return [cluster, brain] as const;
    }),
  );
  const at = (name: string): Brain => {
    const brain = brains.get(name);
    if (brain === undefined) throw new Error(name);
    return brain;
  };
  return {
    names,
    step: (groups, dead) => {
      clock.advance(1000);
      for (const group of groups) {
        for (const me of group) {
          for (const to of names) at(me).probed(`${to}/guestbook`, group.includes(to) && to !== dead ? good : bad);
        }
        for (const me of group) {
          for (const other of group.filter((o) => o !== me)) at(me).heard(at(other).sheet());
        }
      }
      for (const name of names) at(name).tick();
    },
    verdict: (who, of) => at(who).health()[`${of}/guestbook`] ?? { state: 'unknown', unsure: true },
    answer: (who) => {
      const zone = at(who).zone();
      const found = zone && lookup(zone.table, { name: HOST, type: 'A', source: '192.0.2.1' }, clock.now());
      return found === undefined ? '' : (names[found.site] ?? '');
    },
  };
}

function broken(net: Net, groups: string[][], dead: string | undefined): void {
  for (let i = 0; i < 6; i++) net.step(groups, dead);
  for (const group of groups) {
    for (const me of group) {
      for (const target of net.names) {
        const outside = net.names.filter((n) => n !== target);
        const heard = group.filter((n) => n !== target).length;
        const reaches = group.includes(target) && target !== dead;
        const majority = heard >= needOf(outside.length);
        const v = net.verdict(me, target);
        // A majority decides; anyone else keeps what was agreed before, and says that it is unsure.
        const before = net.names.length === 2 ? 'unknown' : 'up';
        expect([me, target, v.state, v.unsure]).toEqual([
          me,
          target,
          majority && !reaches ? 'down' : before,
          !majority,
        ]);
      }
    }
  }
}

const cases = [2, 3, 4, 5].flatMap((size) => {
  const names = ALL.slice(0, size);
  return partitions(names).flatMap((groups) => [undefined, ...names].map((dead) => ({ size, groups, dead })));
});

it(`holds in ${cases.length} partitions of 2 to 5 clusters, and after they heal`, () => {
  for (const { size, groups, dead } of cases) {
    const net = createNet(size);
    const whole = [net.names];
    for (let i = 0; i < 3; i++) net.step(whole, undefined);
    expect(net.names.map((n) => net.answer(n))).toEqual(net.names.map(() => 'a'));
    broken(net, groups, dead);
    // The secondary takes no traffic while the primary serves and a majority reaches it.
    const outside = net.names.slice(1);
    const reach = groups.find((g) => g.includes('a'))?.filter((n) => n !== 'a').length ?? 0;
    const served = dead !== 'a' && reach >= needOf(outside.length);
    const answers = net.names.map((n) => net.answer(n));
    expect(served ? answers : ['a']).toEqual(served ? net.names.map(() => 'a') : ['a']);
    for (let i = 0; i < 8; i++) net.step(whole, undefined);
    expect(net.names.map((n) => net.answer(n))).toEqual(net.names.map(() => 'a'));
  }
});

it('two clusters never fail over by themselves', () => {
  const net = createNet(2);
  for (let i = 0; i < 3; i++) net.step([net.names], undefined);
  for (let i = 0; i < 10; i++) net.step([net.names], 'a');
  expect(net.answer('b')).toBe('a');
});
