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
  '3 voters, 2 ballots, 1 write': { ...CALM, ci: false },
  '3 voters, 1 ballot, 1 write, crash': { ...CALM, ballots: 1, crashes: 1, ci: false },
  '3 voters, decided, 2 ballots, crash': { ...CALM, crashes: 1, start: 'decided', ci: false },
  '3 voters, seal, restart': { ...CALM, ballots: 1, seals: 1, restarts: 1, faultsAt: 0, ci: false },
  '2 voters, seal, restart, crash': { ...CALM, voters: 2, ballots: 1, seals: 1, restarts: 1, crashes: 1, ci: false },
  '2 voters, 3 ballots, 2 writes': { ...CALM, voters: 2, ballots: 3, writes: 2, ci: false },
  '3 voters, virgin, 2 ballots': { ...CALM, start: 'virgin', ci: false },
  '3 voters, 2 ballots, 2 writes': { ...CALM, writes: 2, ci: false },
};
