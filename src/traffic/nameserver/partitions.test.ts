/** Every way a network of 1 to 5 clusters can fall apart, with sites alive or dead, through the real Brain. */
import { expect, it } from 'vitest';
import { manualClock } from '../../kernel/index.ts';
import { HOST, intent, snapshot } from '../machine/fixtures.ts';
import { buildMap } from '../machine/map.ts';
import { NO_VERDICT, needOf } from '../machine/quorum.ts';
import { lookup } from '../machine/table.ts';
import type { Probe, Serve, Site, Snapshot } from '../model.ts';
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

/** The gateway of a site is dead, or the whole cluster with its nameserver. */
interface Dead {
  site?: string | undefined;
  clusters?: readonly string[];
}
interface Net {
  names: string[];
  step(groups: string[][], dead?: Dead): void;
  verdict(at: string, of: string): { state: string; unsure: boolean; lone: boolean };
  /** For a user near the cluster of this number. */
  answer(at: string, near?: number): string;
}

function createNet(size: number, serve: Serve = { by: 'order', order: ALL.slice(0, size).map((n) => [n]) }): Net {
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
  const places = Object.fromEntries(sites.map(({ place }, i) => [`192.0.${i}.0/24`, { place }]));
  const map = buildMap(serve.by === 'order' ? {} : { places });
  const shot: Snapshot = snapshot({ sites, voters: names, intents: [intent({ serve })], map });
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
  const meet = (members: string[], dead: Dead): void => {
    const group = members.filter((n) => dead.clusters?.includes(n) !== true);
    for (const me of group) {
      for (const to of names) at(me).probed(`${to}/guestbook`, group.includes(to) && to !== dead.site ? good : bad);
    }
    for (const me of group) for (const other of group) if (other !== me) at(me).heard(at(other).sheet());
  };
  return {
    names,
    step: (groups, dead = {}) => {
      clock.advance(1000);
      for (const members of groups) meet(members, dead);
      for (const name of names) at(name).tick();
    },
    verdict: (who, of) => at(who).health()[`${of}/guestbook`] ?? NO_VERDICT,
    answer: (who, near = 2) => {
      const zone = at(who).zone();
      const found = zone && lookup(zone.table, { name: HOST, type: 'A', source: `192.0.${near}.1` }, clock.now());
      return found === undefined ? '' : (names[found.site] ?? '');
    },
  };
}

/** What a member of a group must hold of a target. */
function expected(net: Net, group: string[], target: string, site: string | undefined) {
  const outside = net.names.filter((n) => n !== target).length;
  const heard = group.filter((n) => n !== target).length;
  const need = needOf(outside);
  const reaches = group.includes(target) && target !== site;
  // Who says up: a majority, or the only one there is. Who says down: a majority, with the target's own word.
  const up = reaches && heard >= Math.min(need, outside) && heard > 0;
  const confesses = group.includes(target) && heard < need ? 1 : 0;
  const down = !reaches && heard + confesses >= need;
  // Anyone else keeps what was agreed before, and says that it is unsure.
  const before = net.names.length === 1 ? 'unknown' : 'up';
  return { state: down ? 'down' : before, unsure: !up && !down };
}

function broken(net: Net, groups: string[][], site: string | undefined): void {
  settle(net, groups, { site }, 6);
  for (const group of groups) {
    for (const [me, target] of group.flatMap((m) => net.names.map((t) => [m, t] as const))) {
      const want = expected(net, group, target, site);
      const lone = group.length === 1 && me !== target && want.state !== 'down';
      expect([me, target, net.verdict(me, target)]).toMatchObject([me, target, { ...want, lone }]);
    }
  }
}

/** Hundreds of worlds: slow on a busy machine. */
const LIMIT_MS = 180_000;
const cases = [1, 2, 3, 4, 5].flatMap((size) => {
  const names = ALL.slice(0, size);
  return partitions(names).flatMap((groups) => [undefined, ...names].map((dead) => ({ size, groups, dead })));
});

it(
  `holds in ${cases.length} partitions of 1 to 5 clusters, and after they heal`,
  () => {
    for (const { size, groups, dead } of cases) {
      const net = createNet(size);
      const whole = [net.names];
      for (let i = 0; i < 3; i++) net.step(whole);
      expect(net.names.map((n) => net.answer(n))).toEqual(net.names.map(() => 'a'));
      broken(net, groups, dead);
      // The secondary takes no traffic while the primary serves and a majority reaches it.
      const outside = net.names.slice(1);
      const reach = groups.find((g) => g.includes('a'))?.filter((n) => n !== 'a').length ?? 0;
      const served = dead !== 'a' && reach >= needOf(outside.length);
      const answers = net.names.map((n) => net.answer(n));
      expect(served ? answers : ['a']).toEqual(served ? net.names.map(() => 'a') : ['a']);
      for (let i = 0; i < 8; i++) net.step(whole);
      expect(net.names.map((n) => net.answer(n))).toEqual(net.names.map(() => 'a'));
    }
  },
  LIMIT_MS,
);

const FASTEST: Serve = { by: 'fastest' };
const settle = (net: Net, groups: string[][], dead: Dead, steps: number): void => {
  for (let i = 0; i < steps; i++) net.step(groups, dead);
};
/** Answers of one nameserver to a user near each cluster. */
const answersOf = (net: Net, at: string): string => net.names.map((_, i) => net.answer(at, i)).join('');

it(
  'no nameserver sends a user where it could know better: it reaches the answer, or others speak for it',
  () => {
    for (const { size, groups, dead } of cases.filter((c) => c.size <= 4)) {
      const net = createNet(size, FASTEST);
      settle(net, [net.names], {}, 3);
      for (const n of net.names) expect(answersOf(net, n)).toBe(net.names.join(''));
      settle(net, groups, { clusters: dead === undefined ? [] : [dead] }, 6);
      const alive = groups.map((g) => g.filter((n) => n !== dead)).filter((g) => g.length > 0);
      for (const group of alive) {
        for (const me of group) {
          const outside = (target: string): number => group.filter((n) => n !== target).length;
          const judged = (target: string): boolean => outside(target) >= needOf(size - 1);
          // Alone it answers itself; a majority leaves out what it does not reach; a minority of several keeps all.
          const left = net.names.filter((n) => group.includes(n) || (group.length > 1 && !judged(n)));
          const want = net.names.map((n) => (left.includes(n) ? n : expect.stringMatching(`[${left.join('')}]`)));
          expect([me, ...net.names.map((_, i) => net.answer(me, i))]).toEqual([me, ...want]);
        }
      }
      settle(net, [net.names], {}, 8);
      for (const n of net.names) expect(answersOf(net, n)).toBe(net.names.join(''));
    }
  },
  LIMIT_MS,
);

it('of two clusters the one that is left serves all users within five seconds; each side of a cut serves its own', () => {
  const net = createNet(2, FASTEST);
  settle(net, [['a', 'b']], {}, 3);
  settle(net, [['a', 'b']], { clusters: ['a'] }, 4);
  expect(answersOf(net, 'b')).toBe('bb');
  // Its nameserver is back before its gateway: it is left out until it serves.
  settle(net, [['a', 'b']], { site: 'a' }, 8);
  expect(answersOf(net, 'b')).toBe('bb');
  settle(net, [['a', 'b']], {}, 12);
  expect(answersOf(net, 'b')).toBe('ab');
  settle(net, [['a'], ['b']], {}, 5);
  expect([answersOf(net, 'a'), answersOf(net, 'b')]).toEqual(['aa', 'bb']);
});

it('of three, of which one has gone before, the last one serves all users', () => {
  const net = createNet(3, FASTEST);
  settle(net, [net.names], {}, 3);
  settle(net, [net.names], { clusters: ['c'] }, 6);
  expect([answersOf(net, 'a'), answersOf(net, 'b')]).toEqual(['abb', 'abb']);
  settle(net, [net.names], { clusters: ['a', 'c'] }, 4);
  expect(answersOf(net, 'b')).toBe('bbb');
});

it('of two clusters in an order the second one never takes over by itself from a silent first; from a dead gateway it does', () => {
  const net = createNet(2);
  settle(net, [net.names], {}, 3);
  settle(net, [net.names], { clusters: ['a'] }, 10);
  expect(net.answer('b')).toBe('a');
  settle(net, [net.names], {}, 8);
  settle(net, [net.names], { site: 'a' }, 3);
  expect([net.answer('a'), net.answer('b')]).toEqual(['b', 'b']);
});
