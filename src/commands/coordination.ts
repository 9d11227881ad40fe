import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { majority, sayMembers } from '../coordination/index.ts';
import type { Outputs } from '../infra/index.ts';
import {
  fault,
  type MemberState,
  type Problem,
  problemOf,
  type Row,
  type TwError,
  text,
  toJson,
  untrusted,
} from '../kernel/index.ts';
import { type Board, STEP_TONE } from './board.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { CoordinationDoor, Engine, Step } from './ports.ts';

/** What a fleet does without: said where the majority is gone. */
const noMajority = (states: readonly MemberState[]): TwError =>
  fault('TW5111', {
    value: sayMembers(states),
    why: states.flatMap((s) => (s.up ? [] : [`${s.name}: ${s.why}`])),
    fix: [
      { say: 'Users are served as before; no release can start or go on until a majority is back.' },
      { say: 'Bring back the clusters of these members:', command: 'tw up' },
      { say: 'If they are lost for ever, begin anew with what is left:', command: 'tw coordination recover' },
    ],
  });

interface Meeting {
  key: string;
  label: string;
  steps: AsyncIterable<Step>;
  fault(detail: string): Problem;
}

/** Shows the steps of clusters that meet; what failed. */
async function meet(m: Meeting, b: Board, signal: AbortSignal): Promise<Problem[]> {
  const problems: Problem[] = [];
  try {
    for await (const s of m.steps) {
      const tone = STEP_TONE[s.state];
      b.set([m.key], { tone, label: m.label });
      b.set([m.key, s.step], { tone, ...(s.detail === undefined ? {} : { why: s.detail }) });
      if (s.state === 'failed') problems.push(m.fault(s.detail ?? ''));
    }
  } catch (error) {
    if (signal.aborted) return problems;
    b.set([m.key], { tone: 'bad', label: m.label });
    problems.push(problemOf(error));
  }
  return problems;
}

/** Lets the members meet; nothing to do where the store is not of etcd. */
export async function meetMembers(e: Engine, outputs: Outputs, b: Board, signal: AbortSignal): Promise<Problem[]> {
  if (e.coordination === undefined) return [];
  const steps = e.coordination.introduce(outputs, signal);
  const label = 'coordination (etcd)';
  return await meet(
    { key: 'coordination', label, steps, fault: (value) => fault('TW5111', { value }).problem },
    b,
    signal,
  );
}

/** Lets the copies of shared state meet and waits for a home. */
export async function meetState(e: Engine, outputs: Outputs, b: Board, signal: AbortSignal): Promise<Problem[]> {
  if (!e.state.shared) return [];
  const steps = e.state.introduce(outputs, signal);
  const label = 'state (Redis)';
  return await meet({ key: 'state', label, steps, fault: (value) => fault('TW5114', { value }).problem }, b, signal);
}

/** Throws TW5112 where the fleet has no such store. */
export async function coordinationOf(c: Context): Promise<CoordinationDoor> {
  const { coordination } = await c.engine();
  if (coordination !== undefined) return coordination;
  throw fault('TW5112', {
    why: ['the config has no `coordination`: this machine agrees with itself, in its journal'],
    fix: [{ say: 'Add `coordination: { etcd: {} }` to the config, then:', command: 'tw up' }],
  });
}

function memberRow(s: MemberState, leader: string | undefined): Row {
  if (!s.up) return { key: s.name, tone: 'bad', label: [text(s.name)], cells: {}, why: [untrusted(s.why)], kids: [] };
  const role = s.name === leader ? 'leader' : s.learner ? 'learner' : 'follower';
  const alarms = s.alarms.join('; ');
  return {
    key: s.name,
    tone: alarms === '' && s.leader !== 0n ? 'ok' : 'warn',
    label: [text(s.name)],
    cells: {
      role: [text(role)],
      term: [text(String(s.term))],
      index: [text(String(s.index))],
      version: [untrusted(s.version)],
      size: [text(`${Math.ceil(s.bytes / 1024)} KiB`)],
    },
    ...(alarms === '' ? {} : { why: [untrusted(alarms)] }),
    kids: [],
  };
}

/** Ids are beyond what a number of JavaScript can hold. */
function memberData(s: MemberState): Record<string, unknown> {
  if (!s.up) return { ...s };
  return { ...s, id: s.id.toString(16), leader: s.leader.toString(16), term: Number(s.term), index: Number(s.index) };
}

/** `tw coordination status`. */
export async function coordinationStatus(c: Context): Promise<Outcome> {
  const states = await (await coordinationOf(c)).status();
  const m = majority(states);
  return {
    data: {
      majority: m.holds,
      following: m.following,
      leader: m.leader ?? null,
      members: toJson(states.map(memberData)),
    },
    view: { at: c.clock.now(), rows: states.map((s) => memberRow(s, m.leader)) },
    ...(m.holds ? {} : { problem: noMajority(states).problem }),
  };
}

/** `tw coordination snapshot`: never over a file that is there. */
export async function coordinationSnapshot(c: Context, args: Args, io: Io): Promise<Outcome> {
  const file = resolve(c.cwd, args['file'] as string);
  if (existsSync(file)) throw fault('TW6001', { value: file, why: ['there is a file of this name'] });
  await (await coordinationOf(c)).snapshot(file, io.signal);
  const bytes = statSync(file).size;
  const say = `${file}, ${Math.ceil(bytes / 1024)} KiB`;
  return {
    data: { file, bytes },
    view: { at: c.clock.now(), rows: [{ key: 'file', tone: 'ok', label: [untrusted(say)], cells: {}, kids: [] }] },
  };
}
