import { started } from '../../../src/state/machine/step.ts';
import type { AgentState, EpochValue, Position, Setup, ValidRun } from '../../../src/state/model.ts';
import { LETTERS, NAMES, type Redis, type Size, type Voter } from './layout.ts';
import { lookOf } from './redis.ts';
import type { State, World } from './world.ts';

const REDIS: Redis = {
  run: 0,
  log: '1',
  role: 0,
  epoch: 0,
  target: -1,
  quiet: false,
  attached: false,
  late: '',
  disk: '',
};

/** The first state of a world. */
export function firstState(world: World): State {
  const { size, setups } = world;
  const names = setups.map((s) => s.me);
  const voters = setups[0]?.voters ?? [];
  const virgin = size.start === 'virgin';
  const first: EpochValue = {
    epoch: 1,
    primary: 'ca',
    from: { epoch: 0, offset: 0, run: 'r0' },
    copies: voters,
    w: 1,
  };
  const valid = (): { value: ValidRun; revision: number } => ({ value: { run: 'r0', epoch: 1 }, revision: 1 });
  return {
    agents: setups.map((s, v) => ({ at: 0, s: agent(s, v, size) })),
    redises: names.map((_, v) => redis(v, size)),
    acks: 0,
    store: {
      versions: versions(first, size),
      fences: Object.fromEntries(
        names.flatMap((n, v) => (stands(v, size) ? [[n, { ballot: 2, at: stoodAt(logOf(size, v)) }]] : [])),
      ),
      runs: virgin ? {} : Object.fromEntries(names.flatMap((n, v) => (isEmpty(v, size) ? [] : [[n, valid()]]))),
    },
    flights: [],
    writes: Array.from({ length: size.writes }, (_, i) => ({
      is: size.past?.logs.some((l) => l.includes(LETTERS[i] as string)) === true ? ('U' as const) : ('-' as const),
    })),
    budgets: {
      restarts: size.restarts,
      crashes: size.crashes,
      seals: size.seals,
      ...(size.restores === undefined ? {} : { restores: size.restores }),
    },
  };
}

/** It has fenced for ballot 2. */
const stands = (v: Voter, { start, fenced }: Size): boolean =>
  (start === 'called' || start === 'decided') && fenced?.includes(NAMES[v] as string) !== false;
const isEmpty = (v: Voter, { change }: Size): boolean => change?.newcomer === 'empty' && v >= change.from;
const logOf = (size: Size, v: Voter): string => size.past?.logs[v] ?? '1';
const stoodAt = (log: string): Position => ({ epoch: 1, offset: log.length, run: 'r0' });

function versions(first: EpochValue, size: Size): State['store']['versions'] {
  if (size.start === 'virgin') return [{ ballot: 0, epoch: null }];
  if (size.start === 'run') return [{ ballot: 1, epoch: first }];
  const { change } = size;
  if (size.start === 'called')
    return [
      { ballot: 1, epoch: first },
      { ballot: 2, epoch: first, wish: change?.to ?? [] },
    ];
  return [
    { ballot: 2, epoch: first },
    { ballot: 2, epoch: secondOf(first, size) },
  ];
}

function secondOf(first: EpochValue, size: Size): EpochValue {
  const { primary = 0, copies = first.copies, w = 1, voters } = size.past ?? {};
  return {
    epoch: 2,
    primary: NAMES[primary] as string,
    from: stoodAt(logOf(size, primary)),
    copies,
    w,
    ...(voters === undefined ? {} : { voters }),
  };
}

function agent(setup: Setup, v: Voter, size: Size): AgentState {
  if (size.start === 'virgin' || isEmpty(v, size)) return started(setup);
  const known = { ...started(setup), run: 'r0', least: 1, claimed: true };
  if (!stands(v, size)) return { ...known, fenced: 1, applied: 1 };
  return { ...known, fenced: 2, stood: lookOf({ ...REDIS, log: logOf(size, v) }) };
}

function redis(v: Voter, size: Size): Redis {
  if (size.start === 'virgin' || isEmpty(v, size)) return { ...REDIS, log: '' };
  if (stands(v, size)) return { ...REDIS, log: logOf(size, v) };
  if (v === 0) return { ...REDIS, epoch: 1, role: 3 };
  const newcomer = v >= (size.change?.from ?? size.voters);
  return { ...REDIS, epoch: 1, role: 1, target: newcomer ? 1 : 0, quiet: newcomer, attached: size.start === 'run' };
}
