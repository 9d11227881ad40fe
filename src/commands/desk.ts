import type { Clock, Problem, Store, View } from '../kernel/index.ts';
import { fault, problemOf } from '../kernel/index.ts';
import type { Caller } from './access/model.ts';
import { type CommandRow, finish, prune, receive, start, unfinished, untold } from './book/ledger.ts';
import { sweep, takeTurn } from './book/line.ts';
import type { Invocation, Io } from './context.ts';
import { type Ignored, IgnoredLines } from './ignored.ts';
import { type Here, isElsewhere, unsaid, withoutFleet } from './line/machine/fleets.ts';
import { type Draft, type Grammar, isFault, parseLine } from './line/machine/parse.ts';
import { expand, phraseOf, type Standing } from './line/machine/phrases.ts';
import type { LineFault } from './line/machine/words.ts';
import type { Args, CommandKind, Outcome } from './model.ts';
import { specOf } from './table.ts';
import { mayWait, waitingRows, wishOf } from './turn.ts';

/** A line that somebody typed, as a transport proved it. */
export interface Inbound {
  /** Every id that the platform repeats with a copy of this message; at least one. */
  keys: readonly string[];
  line: string;
  caller: Caller;
  /** Where the answer goes. */
  room: string;
  typedAt: number;
  /** Other fleets that were seen to hear it. */
  beside?: readonly string[];
  /** The platform could not deliver it when it was typed: it is answered, never run. */
  missed?: true;
}

/** What is known of one command now: chat shows it, nothing else is kept there. */
export interface Card {
  id: string;
  /** Through which door it came, so where the card is shown. */
  door: string;
  room: string;
  line: string;
  /** The person who typed it, or an account that is nobody's. */
  by: string;
  /** What an alias meant. */
  expanded?: string;
  /** The fleet, where several hear what is typed: its buttons name it. */
  fleet?: string;
  state: 'received' | 'queued' | 'running' | 'ended';
  /** Commands before it in the queue. */
  behind: number;
  verb?: string;
  app?: string;
  view?: View;
  problem?: Problem;
  exit?: number;
  at: number;
}

interface Names {
  apps: readonly string[];
  clusters: readonly string[];
  /** Other fleets that hear the same lines, by door. */
  beside?: Readonly<Record<string, readonly string[]>>;
}

export interface DeskDeps {
  book: Store;
  clock: Clock;
  /** Unique, also over processes. */
  newId: () => string;
  /** Fleet, apps, clusters and verbs as they are now. */
  grammar: () => Promise<Grammar & Names>;
  run: (call: Invocation, io: Io) => Promise<Outcome>;
  /** The line without secrets. */
  redact: (line: string) => Promise<string>;
  /** Whom a card and the line name; never throws. */
  nameOf: (caller: Caller) => Promise<string>;
  /** The account is nobody's: such lines are heard a few at a time. Absent: every account is somebody's. */
  isNobody?: (caller: Caller) => Promise<boolean>;
  onCard: (card: Card) => void;
}

/** What is known of a command, beside its row. */
type Known = Partial<Card> & Pick<Card, 'by'>;

/** A forward command that comes later than this is not done: the world has moved on. Milliseconds. */
const FRESH_MS = 5 * 60_000;
const SAFE_MS = 15 * 60_000;

/** Nobody waits any more for an end that is older. Milliseconds. */
const UNTOLD_MS = 3_600_000;

/** What the book has of an end; the rest went with the process that saw it. */
function known({ outcome }: CommandRow): Pick<Card, 'exit' | 'problem'> {
  const { exit = 0, code } = outcome ?? {};
  if (code === undefined || code === null) return { exit };
  const fix = [{ say: 'What that means:', command: `explain ${code}` }];
  return { exit, problem: problemOf(fault(code as 'TW6403', { why: ['the process that told more has ended'], fix })) };
}

const say = (f: LineFault): Error => fault(f.code, f);

const appOf = (args: Args): string | undefined =>
  ((args['target'] ?? args['app']) as string | undefined)?.split('@', 1)[0];

/** What a line would change: the only app where none is named, every cluster where a word such as `cloud:aws` is. */
function placesOf(draft: Draft, g: { apps: readonly string[]; clusters: readonly string[] }) {
  const takesApp = specOf(draft.verb).args.some((a) => a.from === 'app');
  const only = takesApp && g.apps.length === 1 ? g.apps[0] : undefined;
  const on = (draft.args['on'] as readonly string[] | undefined) ?? [];
  const named = on.length > 0 && on.every((name) => g.clusters.includes(name));
  return { app: appOf(draft.args) ?? only, clusters: named ? on : g.clusters };
}

/** This fleet, and the others that hear what is typed there: the config names them, or they were seen. */
const hereOf = (g: Grammar & Names, i: Pick<Inbound, 'caller' | 'beside'>): Here => ({
  fleet: g.fleet,
  beside: [...new Set([...(g.beside?.[i.caller.door] ?? []), ...(i.beside ?? [])])].filter((f) => f !== g.fleet),
});

/** Looks may be as old as they like; what changes something may not; what nobody heard when it was typed is not run. */
function tooLate(kind: CommandKind, row: CommandRow, again: string): Error | undefined {
  const limit = kind === 'look' ? Number.POSITIVE_INFINITY : kind === 'safe' ? SAFE_MS : FRESH_MS;
  const age = row.receivedAt - row.typedAt;
  if (age <= limit && row.missed !== true) return undefined;
  return fault('TW6402', {
    value: row.missed === true ? 'typed while nobody listened' : `typed ${Math.round(age / 60_000)} min ago`,
    why: [row.missed === true ? 'it was not run' : 'it came late; nothing was done'],
    fix: [{ say: 'If it is still meant, type it again:', command: again }],
  });
}

/** Takes lines from any chat, once each, and runs them through the gate: safe ones at once, the others in turn. */
export class Desk {
  readonly #deps: DeskDeps;
  readonly #process: string;
  readonly #ignored: IgnoredLines;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();

  constructor(deps: DeskDeps) {
    this.#deps = deps;
    this.#process = deps.newId();
    this.#ignored = new IgnoredLines(deps);
  }

  /** What looks like a command and is none, for the audit alone. */
  ignored(i: Ignored): void {
    this.#add(this.#ignored.note(i).catch(() => undefined));
  }

  /** Only a line that says `in` can be for another fleet; that one answers it. */
  async #isOfAnother(i: Inbound): Promise<boolean> {
    if (!/\sin\s/.test(i.line)) return false;
    const g = await this.#deps.grammar().catch(() => undefined);
    return g !== undefined && isElsewhere(i.line, hereOf(g, i));
  }

  async #isTooMuch({ caller, room, line }: Inbound): Promise<boolean> {
    if ((await this.#deps.isNobody?.(caller)) !== true || this.#ignored.hears(caller)) return false;
    this.ignored({ caller, room, line, why: "too many lines of an account that is nobody's" });
    return true;
  }

  /**
   * Keeps the line, then answers; the work goes on behind. Of an account that is nobody's only a few are kept, and none
   * that is for another fleet: they have no id. Throws TW1020, TW6204: then it may be sent again.
   */
  async submit(i: Inbound): Promise<{ id: string; first: boolean }> {
    if (this.#stop.signal.aborted) throw fault('TW6204', { value: i.room, why: ['this process is ending'] });
    const { keys, caller, room, typedAt, missed, beside } = i;
    if (await this.#isOfAnother(i)) return { id: '', first: false };
    if (await this.#isTooMuch(i)) return { id: '', first: false };
    const line = await this.#deps.redact(i.line);
    const id = this.#deps.newId();
    const salt = this.#deps.newId();
    const now = this.#deps.clock.now();
    const more = { ...(missed === undefined ? {} : { missed }), ...(beside === undefined ? {} : { beside }) };
    const taken = { keys, id, salt, line, caller, room, typedAt, now, ...more };
    const { first, row } = await receive(this.#deps.book, taken);
    if (first) this.#begin(row, line !== i.line);
    return { id: row.id, first };
  }

  /** After a start: runs what was taken and not begun, tells what was cut short and what ended untold. */
  async recover(): Promise<void> {
    const { book, clock, nameOf } = this.#deps;
    await prune(book, clock.now());
    for (const row of await untold(book, clock.now() - UNTOLD_MS))
      this.#show(row, { by: await nameOf(row.caller), state: 'ended', ...known(row) });
    for (const row of await unfinished(book)) {
      if (row.state === 'received') this.#begin(row, false);
      else {
        await sweep(book, row.id);
        const problem = problemOf(
          fault('TW6403', {
            value: row.line ?? row.id,
            why: ['the process that ran it ended'],
            fix: [{ say: 'See what is left:', command: 'status' }],
          }),
        );
        await this.#end(row, { problem }, { by: await nameOf(row.caller) });
      }
    }
  }

  /** Everything that was taken has ended. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Tells what runs to stop safely, and waits for it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  #add(work: Promise<void>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  #begin(row: CommandRow, secret: boolean): void {
    this.#add(this.#perform(row, secret).catch(() => undefined));
  }

  #show({ id, room, caller: { door }, line }: CommandRow, more: Known): void {
    const at = this.#deps.clock.now();
    this.#deps.onCard({ id, door, room, line: line ?? '', state: 'received', behind: 0, at, ...more });
  }

  async #perform(row: CommandRow, secret: boolean): Promise<void> {
    let known: Known = { by: await this.#deps.nameOf(row.caller) };
    try {
      const g = await this.#deps.grammar();
      const here = hereOf(g, row);
      if (here.beside.length > 0) known = { ...known, fleet: here.fleet };
      if (secret) throw fault('TW6021', { why: ['the line was not run'] });
      const draft = await this.#draft(row, g, here);
      const spec = specOf(draft.verb);
      const app = appOf(draft.args);
      known = {
        ...known,
        verb: draft.verb,
        ...(app === undefined ? {} : { app }),
        ...(draft.expanded === undefined ? {} : { expanded: draft.expanded }),
      };
      const late = tooLate(spec.kind, row, draft.expanded ?? row.line ?? draft.verb);
      if (late !== undefined) throw late;
      await this.#turn(row, { draft, known }, async () => await this.#act(row, draft, known));
    } catch (error) {
      await this.#end(row, { problem: problemOf(error) }, known);
    }
  }

  async #draft(row: CommandRow, g: Grammar & Names, here: Here): Promise<Draft> {
    const line = row.line ?? '';
    const no = unsaid(line, here);
    if (no !== undefined) throw say(no);
    const phrase = phraseOf(withoutFleet(line, g.fleet), g.apps);
    const meant = phrase === undefined ? line : await expand(phrase, () => this.#standing(phrase.app, row.caller));
    if (typeof meant === 'object') throw say(meant);
    const d = parseLine(meant, g);
    if (isFault(d)) throw say(d);
    return phrase === undefined ? d : { ...d, expanded: meant };
  }

  /** What an app runs now, asked with the rights of who typed. */
  async #standing(app: string, from: Caller): Promise<Standing> {
    const ask = async (verb: string): Promise<unknown> =>
      (await this.#deps.run({ verb, args: { app }, from }, this.#io())).data;
    const { versions } = (await ask('versions')) as Standing;
    const { releases } = (await ask('history')) as {
      releases: readonly { release: string; green: string; decision: string }[];
    };
    const [newest] = releases;
    const isOpen = newest !== undefined && ['preparing', 'committed'].includes(newest.decision);
    const open = isOpen
      ? { release: newest.release, green: newest.green, preparing: newest.decision === 'preparing' }
      : undefined;
    return { versions, open };
  }

  /** Waits for its turn: nothing that goes forward overlaps, and nothing else waits. */
  async #turn(row: CommandRow, x: { draft: Draft; known: Known }, work: () => Promise<void>): Promise<void> {
    const { draft, known } = x;
    const { book, clock, grammar } = this.#deps;
    const who = { command: row.id, by: known.by, door: row.caller.door };
    const wish = wishOf(draft, who, placesOf(draft, await grammar()));
    if (wish === undefined) return await work();
    const no = new AbortController();
    let asked = false;
    const turn = await takeTurn(book, wish, {
      clock,
      signal: AbortSignal.any([this.#stop.signal, no.signal]),
      wait: mayWait(draft.args),
      waits: (before) => {
        // What would be refused anyway does not wait for it; the place is taken first, so nobody overtakes.
        if (!asked) this.#add(this.#check(row, draft, no));
        asked = true;
        const now = clock.now();
        const view = { at: now, rows: waitingRows(before, now) };
        this.#show(row, { ...known, state: 'queued', behind: before.length, view });
      },
    });
    try {
      if (no.signal.aborted) throw no.signal.reason;
      // Told to stop: whoever comes after this process finds the line and stands in again.
      if (turn !== undefined) await work();
    } finally {
      await turn?.leave();
    }
  }

  /** Fires `no`, with the reason, where the gate would refuse it now. */
  async #check(row: CommandRow, draft: Draft, no: AbortController): Promise<void> {
    try {
      await this.#deps.run({ ...this.#callOf(row, draft), turn: 'check' }, this.#io());
    } catch (error) {
      // One that was only cut short is no refusal.
      if (!this.#stop.signal.aborted) no.abort(error);
    }
  }

  #io(show: (v: View) => void = () => undefined): Io {
    return {
      show,
      machine: true,
      out: () => undefined,
      ask: async (q) => {
        throw fault('TW6005', {
          value: q.flag,
          why: [q.text],
          fix: [{ say: 'If that is meant, say so with', command: q.flag }],
        });
      },
      signal: this.#stop.signal,
      detach: new AbortController().signal,
    };
  }

  #callOf(row: CommandRow, { verb, args }: Draft): Invocation {
    return { verb, args, from: { ...row.caller, command: row.id } };
  }

  async #act(row: CommandRow, draft: Draft, known: Known): Promise<void> {
    if (!(await start(this.#deps.book, row.id, `${this.#process} ${row.id}`))) return;
    this.#show(row, { ...known, state: 'running' });
    let view: View | undefined;
    const io = this.#io((v) => {
      view = v;
      this.#show(row, { ...known, state: 'running', view: v });
    });
    try {
      const outcome = await this.#deps.run({ ...this.#callOf(row, draft), turn: true }, io);
      await this.#end(row, outcome, { ...known, view: outcome.view });
    } catch (error) {
      await this.#end(row, { problem: problemOf(error) }, { ...known, ...(view === undefined ? {} : { view }) });
    }
  }

  async #end(row: CommandRow, o: Pick<Outcome, 'problem' | 'exit'>, known: Known): Promise<void> {
    const exit = o.exit ?? o.problem?.exit ?? 0;
    await finish(this.#deps.book, row.id, { exit, code: o.problem?.code ?? null, at: this.#deps.clock.now() });
    this.#show(row, { ...known, state: 'ended', exit, ...(o.problem === undefined ? {} : { problem: o.problem }) });
  }
}
