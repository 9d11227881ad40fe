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

function see(s: AgentState, e: Of<'see'>): Stepped {
  const other = e.look !== undefined && e.look.run !== s.run;
  // A read from before the process changed says nothing about what this process may do.
  if (other && s.run !== undefined) return busy(forgotten(s, e.look?.run ?? ''), { do: 'read' });
  const named = other ? { ...s, run: e.look?.run ?? '' } : s;
  if ((named.least === undefined || named.reread) && !e.view.fresh) return busy(named, { do: 'read' });
  const now = e.view.fresh ? freshened(named, e.view.ballot?.n ?? 0) : named;
  if (!isNews(now, e.view.ballot)) return still(now);
  return ruled({ s: matched(now, e.look), view: e.view, look: e.look, seen: e.seen });
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
  const command = s.busy;
  if (command === undefined || command.do !== e.of) throw new Error(`"${e.of}" ended, "${command?.do}" ran`);
  const free = without(s, 'busy');
  if (e.of === 'fence' || e.of === 'save') return afterFence(free, command, e.result);
  if (e.of === 'promote' || e.of === 'follow') return afterApply(free, command, e.result.is);
  if (e.of === 'measure') return e.offset === undefined ? free : { ...free, need: e.offset };
  if (e.of === 'txn') return afterTxn(free, command, e.result);
  return free;
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
function afterApply(s: AgentState, command: Command, is: 'done' | 'refused' | 'unconfirmed'): AgentState {
  if (is === 'done' && 'v' in command) return { ...without(s, 'need', 'stood'), applied: command.v.epoch };
  return { ...without(s, 'need', 'stood'), fenced: 0, applied: 0 };
}

function afterTxn(s: AgentState, command: Command, result: 'ok' | 'stale' | 'unknown'): AgentState {
  if (result !== 'ok') return { ...s, reread: true };
  const why = command.do === 'txn' ? command.why : undefined;
  if (why === 'claim') return { ...s, claimed: true };
  if (why === 'run') return without(s, 'need');
  return why === 'seal' ? { ...s, leaving: 'sealed' } : s;
}
