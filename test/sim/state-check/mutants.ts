import type { Command, Look, StoreView } from '../../../src/state/model.ts';
import type { Bend, See } from './actor.ts';
import type { Size } from './layout.ts';
import { WORLDS } from './worlds.ts';

/** A wrong design of rules 2-8 of the design page, and the smallest world that shows it. */
export interface Mutant {
  name: string;
  about: string;
  /** The law that must break. */
  breaks: string;
  /** Steps of the shortest counterexample of the page's prototype, whose moves are cut otherwise; for comparison. */
  page: number;
  size: Size;
  bend: Bend;
}

const CALM = { ...(WORLDS['3 voters, 2 ballots, 1 write'] as Size), ballots: 1 };
const SWAPS = WORLDS['another second voter, 2 ballots, 1 write'] as Size;
const WISHED = WORLDS['another second voter is wished for, 1 ballot, 1 write'] as Size;
const SWAPPED = WORLDS['another second voter, decided, 1 ballot, 1 write'] as Size & Required<Pick<Size, 'past'>>;
const seeing = (change: (view: StoreView, look: Look) => { view?: StoreView; look?: Look }) => ({
  see: (e: See): See => (e.look === undefined ? e : { ...e, ...change(e.view, e.look) }),
});

/** Every report's epoch is read as the same, so only the offset counts. */
const withoutEpochs = (view: StoreView): StoreView => ({
  ...view,
  fences: Object.fromEntries(
    Object.entries(view.fences).map(([c, f]) => [c, f.at === 'none' ? f : { ...f, at: { ...f.at, epoch: 0 } }]),
  ),
});
/** Whatever process runs is the valid one, and no marker is no reason. */
const trusting = (view: StoreView, look: Look): { view: StoreView; look: Look } => ({
  view: {
    ...view,
    runs: Object.fromEntries(
      Object.entries(view.runs).map(([c, r]) => [c, { ...r, value: { ...r.value, run: look.run } }]),
    ),
  },
  look: { ...look, marker: look.marker ?? { epoch: 0, w: 0 } },
});

const decideWith = (c: Command, change: (value: Record<string, unknown>) => Record<string, unknown>): Command => {
  if (c.do !== 'txn' || c.why !== 'decide') return c;
  const put = c.txn.put.map((p) => ({ ...p, value: change(p.value as Record<string, unknown>) as never }));
  return { ...c, txn: { ...c.txn, put } };
};
const withoutGuard = (c: Command, key: string): Command =>
  c.do === 'txn' && c.why === 'decide' ? { ...c, txn: { ...c.txn, if: c.txn.if.filter((g) => g.key !== key) } } : c;

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'report-before-fence',
    about: 'rule 3: the position is reported, then the fence is made',
    breaks: 'I2',
    page: 4,
    size: CALM,
    bend: { early: true },
  },
  {
    name: 'old-boot-read',
    about: 'rule 2: an agent that starts believes a read that may be old',
    breaks: 'I2',
    page: 10,
    size: { ...CALM, ballots: 2, writes: 0, crashes: 1, start: 'decided' },
    bend: { oldRead: true },
  },
  {
    name: 'any-process',
    about: 'rule 6: a promotion goes on with whatever process answers',
    breaks: 'I5',
    page: 5,
    size: { ...CALM, ballots: 1, writes: 0, restarts: 1, start: 'decided' },
    bend: { anyProcess: true },
  },
  {
    name: 'offset-only',
    about: 'rule 5: positions are compared by offset, whatever their epoch',
    breaks: 'I3',
    page: 21,
    // The old home has written a and b that nobody heard of; sa is home now.
    size: {
      ...CALM,
      ballots: 2,
      writes: 3,
      start: 'decided',
      past: { logs: ['1ab', '1', '1'], primary: 1, copies: ['au', 'ca', 'sa'], w: 1 },
    },
    bend: seeing((view) => ({ view: withoutEpochs(view) })),
  },
  {
    name: 'none-counts',
    about: 'rule 4: a voter without its data is counted like one with it',
    breaks: 'I3',
    page: 16,
    size: { ...CALM, restarts: 1 },
    bend: seeing(trusting),
  },
  {
    name: 'no-epoch-guard',
    about: 'step 5: a decision is guarded by the ballot alone',
    breaks: 'I1',
    page: 11,
    size: { ...CALM, writes: 0 },
    bend: { effect: (c) => withoutGuard(c, 'epoch') },
  },
  {
    name: 'clients-survive',
    about: "rule 7: a fence leaves the clients' connections open",
    breaks: 'I6',
    page: 15,
    size: { ...CALM },
    bend: { keepClients: true },
  },
  {
    name: 'late-command',
    about: 'fence step 0: the connections of a dead agent stay',
    breaks: 'I2',
    page: 8,
    size: { ...CALM, ballots: 2, writes: 0, crashes: 1, start: 'decided' },
    bend: { keepAgents: true },
  },
  {
    name: 'observer-acks',
    about: 'rule 8: WAIT counts a replica that is no voter',
    breaks: 'I3',
    page: 13,
    size: CALM,
    bend: { observer: true },
  },
  {
    name: 'unequal-growth',
    about: 'step 7: a second voter counts as a copy though its log is shorter',
    breaks: 'I3',
    page: 23,
    // One copy is left.
    size: {
      ...CALM,
      voters: 2,
      ballots: 3,
      start: 'decided',
      past: { logs: ['1', '1'], primary: 0, copies: ['ca'], w: 0 },
    },
    bend: {
      effect: (c, s, e) =>
        decideWith(c, (value) => {
          const copies = s.setup.voters.filter((v) => {
            const f = e.view.fences[v];
            return f?.ballot === value.epoch && f?.at !== 'none';
          });
          return { ...value, copies, w: copies.length - 1 };
        }),
    },
  },
  {
    name: 'change-unequal',
    about: 'ADR 0034: the new set is decided though not all of it has everything',
    breaks: 'I3',
    page: 0,
    size: { ...SWAPS, start: 'called', fenced: ['au'] },
    bend: {
      effect: (c, _, { view }) =>
        decideWith(c, (value) => {
          const wish = view.ballot?.voters ?? [];
          const there = wish.every((v) => view.fences[v]?.ballot === view.ballot?.n && view.fences[v]?.at !== 'none');
          if (!there || !wish.includes(value['primary'] as string)) return value;
          return { ...value, copies: wish, voters: wish, w: 1 };
        }),
    },
  },
  {
    name: 'newcomer-counts',
    about: 'ADR 0034: what a newcomer acknowledges counts before an epoch says so',
    breaks: 'I3',
    page: 0,
    // Home has moved to the follower from which it copies.
    size: {
      ...SWAPS,
      start: 'decided',
      fenced: ['ca', 'sa'],
      past: { logs: ['1', '1', '1'], primary: 1, copies: ['ca', 'sa'], w: 1 },
    },
    bend: { loud: true },
  },
  {
    name: 'leaver-unfenced',
    about: 'ADR 0034: the new set is decided though the one who leaves has not fenced',
    breaks: 'I3',
    page: 0,
    size: WISHED,
    bend: seeing((view) => {
      const { ballot } = view;
      if (ballot?.voters === undefined || view.fences['sa']?.ballot === ballot.n) return {};
      return { view: { ...view, fences: { ...view.fences, sa: { ballot: ballot.n, at: 'none' } } } };
    }),
  },
  {
    name: 'pinned-voters',
    about: 'ADR 0034: who counts is read from the file that the agents were told',
    breaks: 'I3',
    page: 0,
    // The newcomer is home, and the one who stayed follows it.
    size: { ...SWAPPED, past: { ...SWAPPED.past, primary: 2 } },
    bend: seeing((view) => {
      if (view.epoch?.value.voters === undefined) return {};
      const { voters: _, ...value } = view.epoch.value;
      return { view: { ...view, epoch: { ...view.epoch, value: { ...value, copies: ['ca', 'sa'] } } } };
    }),
  },
  {
    name: 'restore-keeps-proofs',
    about: 'a restore leaves standing what copies could prove before',
    breaks: 'I7',
    page: 0,
    size: { ...CALM, voters: 2, ballots: 2, restores: 1 },
    bend: { keepProofs: true },
  },
  {
    name: 'restore-before-fence',
    about: 'a restore decides before enough copies are fenced',
    breaks: 'I8',
    page: 0,
    size: { ...CALM, voters: 2, ballots: 2, restores: 1 },
    bend: { hasty: true },
  },
];
