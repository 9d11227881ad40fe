import type { AgentEvent, AgentState, Command, Fenced, Look, RunId, Setup, Unconfirmed } from '../model.ts';
import { isNews, RULES, type Sight } from './rules.ts';

export interface Stepped {
  next: AgentState;
  /** At most one: the agent does one thing at a time. */
  effects: readonly Command[];
}

type Of<K extends AgentEvent['is']> = Extract<AgentEvent, { is: K }>;
const still = (next: AgentState): Stepped => ({ next, effects: [] });
const busy = (s: AgentState, command: Command): Stepped => ({ next: { ...s, busy: command }, effects: [command] });

/** An agent that has just started: it knows nothing and may do nothing before it has read the store. */
export const started = (setup: Setup): AgentState => ({ setup, fenced: 0, applied: 0, claimed: false, reread: false });

/** Another Redis process: everything that was known was about the old one. */
const forgotten = (s: AgentState, run: RunId): AgentState => ({
  ...started(s.setup),
  run,
  ...(s.leaving === undefined ? {} : { leaving: 'asked' }),
});

/**
 * The agent of one voter (rules 1-10 of the design page). Pure: what happened → what it remembers and the one command
 * to run. Time, pings and the store come in with `see`.
 */
export function step(s: AgentState, e: AgentEvent): Stepped {
  if (e.is === 'see') return s.busy === undefined ? see(s, e) : still(s);
  if (e.is === 'leave') return still({ ...s, leaving: s.leaving ?? 'asked' });
  return still(after(s, e));
}

function see(s: AgentState, { view, look, seen }: Of<'see'>): Stepped {
  const named = identified(s, look);
  // A read from before the process changed says nothing about what this process may do.
  const reborn = s.run !== undefined && named.run !== s.run;
  if (reborn || (isBlind(named) && !view.fresh)) return busy(named, { do: 'read' });
  const ballot = view.ballot?.n ?? 0;
  const now = view.fresh ? freshened(named, ballot) : named;
  return isNews(now, ballot) ? ruled({ s: matched(now, look), view, look, seen }) : still(now);
}
const isBlind = (s: AgentState): boolean => s.least === undefined || s.reread;
function identified(s: AgentState, look: Look | undefined): AgentState {
  if (look === undefined || look.run === s.run) return s;
  return s.run === undefined ? { ...s, run: look.run } : forgotten(s, look.run);
}

/** What the look says against what is remembered: a link that fell is measured anew, a Redis that was fenced since is none at work. */
function matched(s: AgentState, look: Look | undefined): AgentState {
  if (look === undefined) return s;
  if (s.applied !== 0 && look.role === 'fenced') return { ...without(s, 'need', 'stood'), fenced: 0, applied: 0 };
  return !look.link && s.need !== undefined ? without(s, 'need') : s;
}

const freshened = (s: AgentState, ballot: number): AgentState => ({
  ...s,
  reread: false,
  least: Math.max(s.least ?? 0, ballot),
});

function ruled(x: Sight): Stepped {
  for (const rule of RULES) {
    const command = rule(x);
    if (command !== undefined) return busy(x.s, command);
  }
  return still(x.s);
}

function without<K extends 'need' | 'stood' | 'busy'>(s: AgentState, ...keys: K[]): AgentState {
  const next = { ...s };
  for (const k of keys) delete next[k];
  return next;
}

/** The end of a command. */
function after(s: AgentState, e: Of<'done'>): AgentState {
  const { busy: command } = s;
  if (command?.do !== e.of) throw new Error(`"${e.of}" ended, "${command?.do}" ran`);
  const free = without(s, 'busy');
  if ('result' in e) return withResult(free, command, e);
  return e.of === 'measure' && e.offset !== undefined ? { ...free, need: e.offset } : free;
}
function withResult(s: AgentState, command: Command, e: Extract<Of<'done'>, { result: unknown }>): AgentState {
  if (e.of === 'txn') return afterTxn(s, command, e.result);
  if (e.of === 'fence' || e.of === 'save') return afterFence(s, command, e.result);
  return afterApply(s, command, e.result.is === 'done');
}

/** Only a confirmed fence is one; until then this Redis counts as neither fenced nor at work. */
function afterFence(s: AgentState, command: Command, result: Fenced | Unconfirmed): AgentState {
  const idle = { ...without(s, 'need', 'stood'), applied: 0 };
  if (result.is !== 'fenced' || !('ballot' in command))
    return { ...idle, fenced: command.do === 'save' ? 0 : s.fenced };
  if (result.look.run !== s.run) return forgotten(s, result.look.run);
  const saved = command.do === 'save' ? { leaving: 'saved' as const } : {};
  return { ...idle, fenced: command.ballot, stood: result.look, ...saved };
}

/** What may have happened in part is fenced away first; a command is never sent a second time. */
function afterApply(s: AgentState, command: Command, applied: boolean): AgentState {
  if (applied && 'v' in command) return { ...without(s, 'need', 'stood'), applied: command.v.epoch };
  return { ...without(s, 'need', 'stood'), fenced: 0, applied: 0 };
}

function afterTxn(s: AgentState, command: Command, result: 'ok' | 'stale' | 'unknown'): AgentState {
  const why = command.do === 'txn' ? command.why : undefined;
  // A rival's ballot came first, and the watch brings it: reading it too would cost the failover a round trip.
  if (result === 'stale' && why === 'ballot') return s;
  if (result !== 'ok') return { ...s, reread: true };
  if (why === 'claim') return { ...s, claimed: true };
  if (why === 'run') return without(s, 'need');
  return why === 'seal' ? { ...s, leaving: 'sealed' } : s;
}
