import { decide } from '../../../src/release/machine/decide.ts';
import type { Action, ClusterView, Observations, ReleaseRecord, SwitchState } from '../../../src/release/model.ts';
import type { Bend } from './judge.ts';
import type { Size } from './layout.ts';

/** A wrong design of rules 1-6 of the design page, as a wrapper around what the real `decide` sees and does. */
export interface Mutant {
  name: string;
  about: string;
  /** The law that must break. */
  breaks: string;
  /** Shortest counterexample of the page's prototype, whose moves are cut otherwise; for comparison. */
  page: number | undefined;
  bend: Bend;
}

/** Two clusters and two shells: the smallest world in which all eight break. */
export const MUTANT_WORLD: Size = {
  waves: [2],
  shells: 2,
  epochs: 2,
  require: 'all',
  bad: 2,
  cut: false,
  giveUp: false,
  resume: false,
  old: false,
};

const value = <T>(s: { value: T } | { unreachable: unknown }): T | undefined => ('value' in s ? s.value : undefined);

/** The observations with every switch seen through `change`. */
function switches(seen: Observations, change: (sw: SwitchState, c: string) => SwitchState): Observations {
  const through = ([c, v]: [string, ClusterView]): [string, ClusterView] => {
    const sw = value(v.sw);
    return [c, sw === undefined ? v : { ...v, sw: { at: v.sw.at, value: change(sw, c) } }];
  };
  return { ...seen, clusters: Object.fromEntries(Object.entries(seen.clusters).map(through)) };
}

const blueLooksBack = (r: ReleaseRecord, seen: Observations): Observations =>
  r.decision !== 'aborting'
    ? seen
    : switches(seen, (sw, c) =>
        sw.live === r.blue[c] ? { ...sw, release: r.release, vote: false, epoch: r.epoch } : sw,
      );

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'flip-before-decision',
    about: 'rule 1: the flips are sent with the decision, not after it',
    breaks: 'I1',
    page: 10,
    bend: {
      act: (actions, x) => {
        const [first] = actions;
        if (first?.do !== 'decide' || x.record.decision !== 'preparing' || first.next.decision !== 'committed')
          return actions;
        const flips = decide(x.record, { ...x.seen, register: first.next }, 0).actions;
        return [...actions, ...flips.filter((a) => a.do === 'flip')];
      },
    },
  },
  {
    name: 'write-without-precondition',
    about: 'rule 2: the flip tests no fence',
    breaks: 'I2',
    page: 18,
    bend: { blind: ['flip'] },
  },
  {
    name: 'skip-what-is-blue',
    about: 'rule 3: the rollback leaves out members that are blue already',
    breaks: 'I2',
    page: 14,
    bend: { see: blueLooksBack },
  },
  {
    name: 'zombie-re-reads',
    about: 'rule 4: the fence is read anew, the epoch on the switch is not looked at',
    breaks: 'I2',
    page: 19,
    bend: { see: (r, seen) => switches(seen, (sw) => ({ ...sw, epoch: Math.min(sw.epoch, r.epoch) })) },
  },
  {
    name: 'register-without-epoch',
    about: 'rule 4: a decision is written over the newest revision, whatever epoch it comes from',
    breaks: 'I1',
    page: 19,
    bend: { blind: ['decide'] },
  },
  {
    name: 'no-barrier',
    about: 'rule 5: each cluster flips as soon as its own green is ready',
    breaks: 'I5',
    page: 5,
    bend: {
      act: (actions) => actions.map((a): Action => (a.do === 'vote' ? { ...a, do: 'flip' } : a)),
    },
  },
  {
    name: 'blue-retired-early',
    about: 'rule 5: a cluster retires its blue once it serves green',
    breaks: 'I4',
    page: 12,
    bend: {
      act: (actions, x) => {
        if (x.record.decision !== 'committed') return actions;
        const green = x.record.members.filter((c) => {
          const sw = x.seen.clusters[c]?.sw;
          return sw !== undefined && value(sw)?.live === x.record.green;
        });
        const retires = green.map(
          (c): Action => ({ do: 'retire', cluster: c, version: x.record.blue[c] ?? '', fence: 0 }),
        );
        return [...actions, ...retires];
      },
    },
  },
  {
    name: 'rollback-asks-green',
    about: 'rule 6: a cluster is written back only while its green is healthy',
    breaks: 'L',
    page: undefined,
    bend: {
      act: (actions, x) =>
        actions.filter((a) => {
          const green = a.do === 'back' ? x.seen.clusters[a.cluster]?.green : undefined;
          return green === undefined || value(green)?.healthy !== false;
        }),
    },
  },
];
