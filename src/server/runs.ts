import { userInfo } from 'node:os';
import {
  type Args,
  accountOf,
  type Context,
  callerName,
  type Document,
  type Invocation,
  type Io,
  type Outcome,
  type Question,
  runCommand,
} from '../commands/index.ts';
import { digest, fault, type Json, problemOf, thisProcess, toJson, type View, within } from '../kernel/index.ts';
import type { ConfigState, Person, RunInfo } from './model.ts';
import type { Route } from './plan.ts';
import type { ServerDeps } from './ports.ts';
import { LOCAL } from './session.ts';

/** What came over HTTP, checked. */
export interface Request {
  route: Route;
  args: Args;
  person: Person;
  /** Idempotency-Key; looks have none. */
  key?: string;
  /** Somebody follows the run and answers questions. */
  answers?: boolean;
  /** Whoever reads the answer is a person, not a program. */
  plain?: boolean;
  /** W3C trace context of who asks. */
  traceparent?: string;
}

interface Live {
  info: RunInfo;
  outcome: Promise<Result>;
  stop: AbortController;
  twin: string;
  /** Id of the one who began it. */
  person: string;
  ended: boolean;
  /** Moves with everything a follower may want to see. */
  seq: number;
  asked?: Asked;
  result?: Result;
  heard: Set<() => void>;
}

/** A question that waits for the person who began the run. */
interface Asked {
  id: string;
  question: Question;
  say(answer: { text: string } | { refused: string }): void;
}

/** What a follower of a run sees of it now. */
export interface Told {
  seq: number;
  info: RunInfo;
  asked?: { id: string; question: Question };
  result?: Result;
}
export interface Result {
  document: Document;
  /** Lines that streamed, for verbs whose data is a stream. */
  lines?: string;
  /** For people; a failure without a result has none. */
  view?: View;
  exit: number;
}

const KEPT = 200;
/** A question that nobody answers for so long is answered with no. Milliseconds. */
const ASK_MS = 600_000;
/** A key is remembered so long. Milliseconds. */
const KEY_MS = 24 * 3_600_000;

interface KeyFact {
  key: string;
  body: string;
}

/**
 * Whose account the core sees. A token is an account of its own once the config names people; before that it acts for
 * the person who made it, within its role.
 */
export async function callerOf(c: Context, p: Person, run?: string): Promise<NonNullable<Invocation['from']>> {
  const people = (await c.config().catch(() => undefined))?.people;
  const own = p.id !== LOCAL && people !== undefined;
  const identity = own
    ? { platform: 'http', tenant: '', actor: p.id }
    : { platform: 'os', tenant: '', actor: userInfo().username };
  return { door: 'http', identity, ...(run === undefined ? {} : { command: run }) };
}

/** The person, as the gate names them; a token that is nobody's is named beside the account it acts for. */
async function nameFor(c: Context, p: Person, from: NonNullable<Invocation['from']>): Promise<string> {
  const name = await callerName(c, from);
  const linked = from.identity.platform === 'http' && name !== accountOf(from.identity);
  return p.id === LOCAL || linked ? name : `${name} (${p.name})`;
}

/** Where nobody follows the run, what would be asked must come as an argument. */
async function nobody(q: Question): Promise<string> {
  const flag = q.flag.replace(/^--/, '').split(' ')[0] ?? q.flag;
  throw fault('TW6005', { value: flag, why: [q.text], fix: [{ say: `Send "${flag}" with the arguments.` }] });
}

/** The side that runs a command: what it shows, streams and asks. */
export interface Run {
  show(v: View): void;
  /** Hears who does it, before it is done. */
  by?(name: string): void;
  out?(text: string): void;
  ask?(q: Question): Promise<string>;
  signal: AbortSignal;
  run?: string;
  context?: Promise<Context>;
}

const ioOf = (o: Run, plain: boolean, keep: (text: string) => void): Io => ({
  show: o.show,
  out: o.out ?? keep,
  machine: !plain,
  ask: o.ask ?? nobody,
  signal: o.signal,
  detach: new AbortController().signal,
});

function documentOf(outcome: Outcome, route: Route, at: number, ms: number): Document {
  return {
    apiVersion: 'tradewind/v1',
    kind: route.spec.result,
    data: outcome.data,
    missing: outcome.missing ?? [],
    warnings: outcome.warnings ?? [],
    meta: { verb: route.spec.verb, at: new Date(at).toISOString(), ms: Math.round(ms) },
    ...(outcome.problem === undefined ? {} : { problem: outcome.problem }),
  };
}

/** What changes something says that it did so by a config that is not the file any more. */
function withOldConfig(o: Outcome, kind: Route['spec']['kind'], s: ConfigState | undefined): Outcome {
  if (kind === 'look' || s?.id == null || s.problem === null) return o;
  const { code, why } = s.problem;
  const old = fault('TW1005', { value: `${s.file}: ${code}`, why: [`config ${s.id} is in force`, ...why] });
  return { ...o, warnings: [...(o.warnings ?? []), old.problem] };
}

/** Commands that this server runs, the last ended ones, and which key began which. */
export class RunRegistry {
  readonly #deps: ServerDeps;
  readonly #live = new Map<string, Live>();
  readonly #keys = new Map<string, { run: string; body: string; at: number }>();
  /** Called when a run began, moved or ended. */
  onChange: () => void = () => undefined;
  /** Called when a command that may have changed the world ended. */
  onEnd: () => void = () => undefined;

  constructor(deps: ServerDeps) {
    this.#deps = deps;
    const since = deps.clock.now() - KEY_MS;
    for (const f of deps.journal.read({ kind: 'http.command' })) {
      const d = f.data as unknown as KeyFact;
      if (f.at >= since && f.run !== undefined) this.#keys.set(d.key, { run: f.run, body: d.body, at: f.at });
    }
  }

  /** Begins a command, or finds the one that this key, or a twin of a safe one, began before. Throws TW8023. */
  begin(request: Request): string {
    const body = digest(toJson({ verb: request.route.spec.verb, args: request.args }));
    const known = request.key === undefined ? undefined : this.#keys.get(digest(request.key));
    if (known !== undefined) {
      if (known.body !== body)
        throw fault('TW8023', {
          value: request.key ?? '',
          why: ['the first request with it asked for something else'],
        });
      return known.run;
    }
    const run = this.#twinOf(request) ?? this.#start(request, body);
    if (request.key !== undefined) this.#keys.set(digest(request.key), { run, body, at: this.#deps.clock.now() });
    return run;
  }

  /** Two people who press the same safe button at once share one run. */
  #twinOf(request: Request): string | undefined {
    if (request.route.spec.kind !== 'safe') return undefined;
    const twin = twinKey(request);
    return [...this.#live.values()].find((l) => !l.ended && l.twin === twin)?.info.run;
  }

  #start(request: Request, body: string): string {
    const { journal, newId, clock } = this.#deps;
    const run = newId();
    const verb = request.route.spec.verb;
    // Before anything begins: whoever asks with this key again, also after a crash, finds this run.
    const { traceparent } = request;
    const traced = traceparent === undefined ? {} : { traceparent };
    const wish = { key: digest(request.key ?? ''), body, by: request.person.name, verb, ...thisProcess(), ...traced };
    journal.append({ kind: 'http.command', run, data: wish });
    const info: RunInfo = {
      run,
      verb,
      args: toJson(request.args),
      door: 'http',
      by: request.person.name,
      startedAt: clock.now(),
      endedAt: null,
      state: 'running',
      exit: null,
      problems: [],
      release: null,
      plan: null,
      view: null,
    };
    const stop = new AbortController();
    const live: Live = {
      info,
      stop,
      ended: false,
      seq: 0,
      heard: new Set(),
      person: request.person.id,
      twin: twinKey(request),
      outcome: Promise.resolve(undefined as never),
    };
    this.#live.set(run, live);
    live.outcome = this.#perform(live, request);
    this.onChange();
    return run;
  }

  async #perform(live: Live, request: Request): Promise<Result> {
    const show = (view: View): void => {
      live.info = { ...live.info, view };
      this.#moved(live);
    };
    const by = (name: string): void => {
      live.info = { ...live.info, by: name };
      this.#moved(live);
    };
    const asks = request.answers === true ? { ask: (q: Question) => this.#ask(live, q) } : {};
    const result = await this.run(request, { show, by, signal: live.stop.signal, run: live.info.run, ...asks });
    const { document } = result;
    const problems = 'problem' in document && document.problem !== undefined ? [document.problem.code] : [];
    const { journal } = this.#deps;
    const { run, by: name } = live.info;
    journal.append({ kind: 'http.end', run, data: { exit: result.exit, problems, by: name } });
    live.ended = true;
    live.result = result;
    const last = result.view?.rows.length === 0 ? undefined : result.view;
    live.info = {
      ...live.info,
      ...(last === undefined ? {} : { view: last }),
      endedAt: this.#deps.clock.now(),
      state: result.exit === 0 ? 'done' : 'failed',
      exit: result.exit,
      problems,
    };
    this.#forgetOldest();
    this.#moved(live);
    this.onEnd();
    return result;
  }

  #moved(live: Live): void {
    live.seq += 1;
    for (const tell of live.heard) tell();
    this.onChange();
  }

  /** Waits for the answer of the person who follows the run. Throws TW6005. */
  #ask(live: Live, question: Question): Promise<string> {
    live.asked?.say({ refused: 'another question came after it' });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const no = (why: string): void => {
      const fix = [{ say: 'Say it on the command line:', command: question.flag }];
      reject(fault('TW6005', { value: question.flag, why: [why], fix }));
    };
    const stopped = (): void => asked.say({ refused: 'the run was stopped' });
    const timer = setTimeout(() => asked.say({ refused: 'nobody answered' }), ASK_MS);
    const asked: Asked = {
      id: this.#deps.newId(),
      question,
      say: (a) => {
        clearTimeout(timer);
        live.stop.signal.removeEventListener('abort', stopped);
        if (live.asked === asked) delete live.asked;
        if ('text' in a) resolve(a.text);
        else no(a.refused);
        this.#moved(live);
      },
    };
    live.asked = asked;
    live.stop.signal.addEventListener('abort', stopped);
    this.#moved(live);
    return promise;
  }

  /** Runs one command to its end. Never throws: a failure is a document too. */
  async run(request: Request, o: Run): Promise<Result> {
    const { clock } = this.#deps;
    const [at, since] = [clock.now(), clock.monotonic()];
    const { route, args } = request;
    let lines = '';
    let mine: Context | undefined;
    const own = async (): Promise<Context> => (mine = await this.#deps.engine(call));
    const call: Invocation = { verb: route.spec.verb, args, ...(o.run === undefined ? {} : { run: o.run }) };
    try {
      const context = await (o.context ?? own());
      const from = await callerOf(context, request.person, o.run);
      o.by?.(await nameFor(context, request.person, from));
      const io = ioOf(o, request.plain === true, (s) => (lines += s));
      const outcome = await runCommand(context, { ...call, from }, io);
      const told = withOldConfig(outcome, route.spec.kind, this.#deps.config());
      const document = documentOf(told, route, at, clock.monotonic() - since);
      const exit = outcome.exit ?? outcome.problem?.exit ?? 0;
      return { document, exit, view: outcome.view, ...(outcome.streamed === true ? { lines } : {}) };
    } catch (error) {
      const problem = problemOf(error);
      const meta = { verb: route.spec.verb, at: new Date(at).toISOString(), ms: Math.round(clock.monotonic() - since) };
      return { document: { apiVersion: 'tradewind/v1', kind: 'Problem', problem, meta }, exit: problem.exit };
    } finally {
      await mine?.close().catch(() => undefined);
    }
  }

  #forgetOldest(): void {
    const ended = [...this.#live.values()].filter((l) => l.ended);
    for (const l of ended.slice(0, Math.max(0, ended.length - KEPT))) this.#live.delete(l.info.run);
  }

  get(run: string): { info: RunInfo; outcome: Promise<Result> } | undefined {
    return this.#live.get(run);
  }

  /** How a run of this process stands for one who follows it; `heard` is called when it moves, until `off`. */
  follow(run: string, heard: () => void): { told(): Told; off(): void } | undefined {
    const live = this.#live.get(run);
    if (live === undefined) return undefined;
    live.heard.add(heard);
    const told = (): Told => {
      const { seq, info, asked, result } = live;
      const question = asked === undefined ? {} : { asked: { id: asked.id, question: asked.question } };
      return { seq, info, ...question, ...(result === undefined ? {} : { result }) };
    };
    return { told, off: () => void live.heard.delete(heard) };
  }

  /** A run of this process, for the one who began it or an admin. Throws TW8021, TW8026. */
  #mine(run: string, person: Person): Live {
    const live = this.#live.get(run);
    if (live === undefined) throw fault('TW8026', { value: run, why: ['no run of this server has this id'] });
    if (live.person === person.id || person.role === 'admin') return live;
    throw fault('TW8021', {
      value: person.name,
      why: [`${live.info.by} began it: that sign-in or an admin may do this`],
    });
  }

  /** Tells one run to stop safely. Throws TW8021, TW8026. */
  stopOne(run: string, person: Person): RunInfo {
    const live = this.#mine(run, person);
    if (!live.ended && !live.stop.signal.aborted) {
      this.#deps.journal.append({ kind: 'http.stop', run, data: { by: person.name } });
      live.stop.abort('SIGINT');
    }
    return live.info;
  }

  /** Answers the question of a run; one that waits no more is left alone. Throws TW8021, TW8026. */
  answer(run: string, person: Person, a: { id: string; text: string } | { id: string; refused: string }): RunInfo {
    const live = this.#mine(run, person);
    if (live.asked?.id === a.id) live.asked.say(a);
    return live.info;
  }

  /** Runs of this process that have not ended, and those it remembers. */
  all(): RunInfo[] {
    return [...this.#live.values()].map((l) => l.info);
  }

  /** Tells every running command to stop safely, and waits for them; those that do not end in time are named. */
  async stop(ms: number): Promise<string[]> {
    const going = [...this.#live.values()].filter((l) => !l.ended);
    for (const l of going) l.stop.abort('SIGTERM');
    await within(this.#deps.clock, ms, Promise.all(going.map((l) => l.outcome)), () => []);
    return going.filter((l) => !l.ended).map((l) => `${l.info.verb} (${l.info.run})`);
  }
}

const twinKey = (r: Request): string => {
  const { because: _, yes: __, ...args } = r.args as Record<string, unknown>;
  return `${r.route.spec.verb} ${digest(toJson(args as Json))}`;
};
