import type { Size } from './layout.ts';

const CALM: Size = {
  voters: 3,
  ballots: 2,
  writes: 1,
  restarts: 0,
  disk: false,
  crashes: 0,
  seals: 0,
  start: 'run',
};

const GROWS = { from: 2, to: ['au', 'ca', 'sa'], newcomer: 'follows' } as const;
const SWAPS = { from: 2, to: ['au', 'ca'], newcomer: 'follows' } as const;
/** The change is decided. */
const SWAPPED = { logs: ['1', '1', '1'], primary: 0, copies: SWAPS.to, voters: SWAPS.to, w: 1 };
/** All but the one who leaves are fenced. */
const CALLED = { start: 'called', fenced: ['ca', 'au'] } as const;
const empty = <T extends object>(change: T) => ({ ...change, newcomer: 'empty' }) as const;

/** A world by name; those with `ci` together stay below a minute of one core. */
export const WORLDS: Readonly<Record<string, Size & { ci: boolean }>> = {
  '3 voters, 1 ballot, 2 writes': { ...CALM, ballots: 1, writes: 2, ci: true },
  '3 voters, 1 ballot, 1 write, restart': { ...CALM, ballots: 1, restarts: 1, disk: true, ci: true },
  '3 voters, decided, crash': { ...CALM, crashes: 1, start: 'decided', ballots: 1, ci: true },
  '2 voters, 2 ballots, 2 writes': { ...CALM, voters: 2, writes: 2, ci: true },
  '2 voters, 1 ballot, seal, restart': { ...CALM, voters: 2, ballots: 1, seals: 1, restarts: 1, ci: true },
  '3 voters, virgin': { ...CALM, start: 'virgin', ballots: 1, ci: true },
  '2 voters, restore, 1 write': { ...CALM, voters: 2, ballots: 1, restores: 1, ci: true },
  '3 voters, restore, 1 write': { ...CALM, ballots: 1, restores: 1, ci: false },
  '2 voters, restore, 1 ballot, 1 write': { ...CALM, voters: 2, restores: 1, ci: false },
  '3 voters, restore, 1 ballot, 1 write': { ...CALM, restores: 1, ci: false },
  '2 voters, restore, 1 write, crash': { ...CALM, voters: 2, ballots: 1, crashes: 1, restores: 1, ci: false },
  '3 voters, restore, 1 write, crash': { ...CALM, ballots: 1, crashes: 1, restores: 1, ci: false },
  'an empty third voter, 1 ballot, 1 write': { ...CALM, change: empty(GROWS), ballots: 1, ci: true },
  'an empty other second voter, 1 ballot, 1 write': { ...CALM, change: empty(SWAPS), ballots: 1, ci: true },
  'a third voter is wished for, 1 ballot, 1 write': { ...CALM, ...CALLED, change: GROWS, ci: false },
  'another second voter is wished for, 1 ballot, 1 write': { ...CALM, ...CALLED, change: SWAPS, ci: true },
  'another second voter, decided, 1 ballot, 1 write': {
    ...CALM,
    start: 'decided',
    change: SWAPS,
    past: SWAPPED,
    ci: true,
  },
  'another third voter is wished for, 1 ballot, 1 write': {
    ...CALM,
    voters: 4,
    start: 'called',
    fenced: ['ca', 'au', 'vi'],
    change: { from: 3, to: ['au', 'ca', 'vi'], newcomer: 'follows' },
    ci: false,
  },
  'another third voter, decided, 1 ballot, 1 write': {
    ...CALM,
    voters: 4,
    start: 'decided',
    change: { from: 3, to: ['au', 'ca', 'vi'], newcomer: 'follows' },
    past: { logs: ['1', '1', '1', '1'], primary: 0, copies: ['au', 'ca', 'vi'], voters: ['au', 'ca', 'vi'], w: 1 },
    ci: false,
  },
  'a third voter, 2 ballots, 1 write': { ...CALM, change: GROWS, ci: false },
  'another second voter, 2 ballots, 1 write': { ...CALM, change: SWAPS, ci: false },
  'a third voter, 1 ballot, restart': { ...CALM, change: GROWS, ballots: 1, restarts: 1, disk: true, ci: false },
  'another second voter, 1 ballot, restart': { ...CALM, change: SWAPS, ballots: 1, restarts: 1, disk: true, ci: false },
  'a third voter, 1 ballot, crash': { ...CALM, change: GROWS, ballots: 1, crashes: 1, ci: false },
  'another second voter, 1 ballot, crash': { ...CALM, change: SWAPS, ballots: 1, crashes: 1, ci: false },
  '3 voters, 2 ballots, 1 write': { ...CALM, ci: false },
  '3 voters, 1 ballot, 1 write, crash': { ...CALM, ballots: 1, crashes: 1, ci: false },
  '3 voters, decided, 2 ballots, crash': { ...CALM, crashes: 1, start: 'decided', ci: false },
  '3 voters, seal, restart': { ...CALM, ballots: 1, seals: 1, restarts: 1, faultsAt: 0, ci: false },
  '2 voters, seal, restart, crash': { ...CALM, voters: 2, ballots: 1, seals: 1, restarts: 1, crashes: 1, ci: false },
  '2 voters, 3 ballots, 2 writes': { ...CALM, voters: 2, ballots: 3, writes: 2, ci: false },
  '3 voters, virgin, 2 ballots': { ...CALM, start: 'virgin', ci: false },
  '3 voters, 2 ballots, 2 writes': { ...CALM, writes: 2, ci: false },
};
