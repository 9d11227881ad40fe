import {
  accessNow,
  approvalsNow,
  type Context,
  chatsBehind,
  type Io,
  lineNow,
  releaseWatch,
  runCommand,
  type StateFacts,
} from '../commands/index.ts';
import { type Fact, type Json, type Problem, type ProcessId, problemOf, toJson } from '../kernel/index.ts';
import type { LookContexts } from './contexts.ts';
import { type Lags, withLook } from './lags.ts';
import { type Runs, runsOf } from './machine.ts';
import type { RunInfo, Topic, TopicView } from './model.ts';
import type { Lab, ServerDeps } from './ports.ts';
import type { RunRegistry } from './runs.ts';
import { type LastSeen, withMemory } from './seen.ts';

/** Where a topic's facts come from, and how often they are looked at while somebody watches. */
export interface Source {
  read(): Promise<Json>;
  everyMs(): number;
  /** This fact makes a look worth while at once. */
  wants(f: Fact): boolean;
}

const silentIo = (): Io => ({
  show: () => undefined,
  out: () => undefined,
  machine: true,
  ask: async () => '',
  signal: new AbortController().signal,
  detach: new AbortController().signal,
});

/** A look verb as a topic: what its document says. */
export function ofVerb(contexts: LookContexts, verb: string): () => Promise<Json> {
  return async () => {
    const outcome = await runCommand(
      await contexts.get(),
      { verb, args: verb === 'status' ? { on: [] } : {} },
      silentIo(),
    );
    const { missing = [], warnings = [], problem } = outcome;
    const all = problem === undefined ? warnings : [problem, ...warnings];
    return toJson({ ...(outcome.data as object), missing, warnings: all });
  };
}

/** `tw status`, in which a silent cluster keeps what it said last. */
function fleet(contexts: LookContexts, now: () => number): () => Promise<Json> {
  const look = ofVerb(contexts, 'status');
  let known: LastSeen = new Map();
  return async () => {
    const next = withMemory(known, (await look()) as unknown as Parameters<typeof withMemory>[1], now());
    known = next.known;
    return toJson(next.answer);
  };
}

/** `tw state status`, and how far the copies were behind since this server looks. */
function state(contexts: LookContexts, now: () => number): () => Promise<Json> {
  const look = ofVerb(contexts, 'state status');
  let lags: Lags = {};
  return async () => {
    const data = (await look()) as unknown as { apps: StateFacts[] };
    lags = withLook(lags, data.apps, now());
    return toJson({ ...data, lags });
  };
}

/** Eyes on the releases; opened anew with a new context. */
function releases(contexts: LookContexts): () => Promise<Json> {
  let open: { context: Context; eye: Awaited<ReturnType<typeof releaseWatch>> } | undefined;
  return async () => {
    const context = await contexts.get();
    if (open?.context !== context) open = { context, eye: await releaseWatch(context) };
    return { apps: toJson(await open.eye()) };
  };
}

/** This server's own runs know more than the journal's trace of them. */
function mergedRuns(journalled: RunInfo[], own: RunInfo[]): RunInfo[] {
  const mine = new Map(own.map((r) => [r.run, r]));
  const seen = new Set(journalled.map((r) => r.run));
  const whole = (r: RunInfo): RunInfo => ({ ...r, ...mine.get(r.run), release: r.release, plan: r.plan });
  const all = [...own.filter((r) => !seen.has(r.run)), ...journalled.map(whole)];
  return all.toSorted((a, b) => b.startedAt - a.startedAt).slice(0, 100);
}

export interface SourceDeps {
  contexts: LookContexts;
  runs: RunRegistry;
  lab: Lab;
  config: ServerDeps['config'];
  fold(): Runs;
  alive(p: ProcessId): boolean;
  now(): number;
}

const FAST_MS = 1000;
const SLOW_MS = 3000;

/** What moves with every command. */
const ofCommands = (read: Source['read']): Source => ({
  read,
  everyMs: () => FAST_MS,
  wants: (f) => f.kind.startsWith('command.') || f.kind.startsWith('http.'),
});

export function sourcesOf(d: SourceDeps): Record<Topic, Source> {
  const busy = (): boolean => runsOf(d.fold(), d.alive).some((r) => r.state === 'running');
  const world = (f: Fact): boolean =>
    f.kind === 'command.end' || f.kind.startsWith('traffic.') || f.kind === 'sandbox.chaos';
  return {
    fleet: { read: fleet(d.contexts, d.now), everyMs: () => SLOW_MS, wants: world },
    map: { read: ofVerb(d.contexts, 'map'), everyMs: () => SLOW_MS, wants: world },
    state: {
      read: state(d.contexts, d.now),
      everyMs: () => SLOW_MS,
      wants: (f) => f.kind === 'command.end' || f.kind.startsWith('state.'),
    },
    releases: {
      read: releases(d.contexts),
      everyMs: () => (busy() ? FAST_MS / 2 : FAST_MS * 2),
      wants: (f) => f.kind.startsWith('release.'),
    },
    runs: ofCommands(async () => ({ runs: toJson(mergedRuns(runsOf(d.fold(), d.alive), d.runs.all())) })),
    line: ofCommands(async () => {
      const c = await d.contexts.get();
      const [line, chats] = await Promise.all([lineNow(c), chatsBehind(c.book())]);
      return toJson({ line, chats });
    }),
    approvals: ofCommands(async () => ({ approvals: toJson(await approvalsNow(await d.contexts.get())) })),
    access: {
      read: async () => toJson(await accessNow(await d.contexts.get())),
      everyMs: () => SLOW_MS,
      wants: (f) => f.kind === 'access.token' || f.kind.startsWith('command.') || f.kind === 'http.end',
    },
    config: {
      read: async () => {
        // Whoever asks first reads it; what is wrong with it is part of the answer.
        await (await d.contexts.get()).config().catch(() => undefined);
        return toJson(d.config() ?? null);
      },
      everyMs: () => SLOW_MS,
      wants: (f) => f.kind.startsWith('config.'),
    },
    lab: { read: async () => toJson(await d.lab.view()), everyMs: () => SLOW_MS, wants: () => false },
  };
}

/** A look that hangs is not waited for longer; the topic then says so and keeps its age. */
const LOOK_MS = 15_000;

/** One topic: looked at while somebody watches, folded once for all who do. */
export class TopicLoop {
  readonly #source: Source;
  readonly #o: { topic: Topic; offset(): number; now(): number };
  #last: TopicView | undefined;
  #text = '';
  readonly #listeners = new Set<(v: TopicView) => void>();
  #wake: () => void = () => undefined;
  #going = false;

  constructor(source: Source, o: { topic: Topic; offset(): number; now(): number }) {
    this.#source = source;
    this.#o = o;
  }

  /** Hears every new view, the last known one first; the returned function ends it. */
  watch(listener: (v: TopicView) => void): () => void {
    this.#listeners.add(listener);
    if (this.#last !== undefined) listener(this.#last);
    if (!this.#going) void this.#loop();
    return () => {
      this.#listeners.delete(listener);
      this.#wake();
    };
  }

  /** One look now, for whoever asks once. */
  async once(): Promise<TopicView> {
    await this.#look();
    return this.#last ?? { topic: this.#o.topic, offset: 0, at: 0 };
  }

  heard(f: Fact): void {
    if (this.#source.wants(f)) this.#wake();
  }
  nudge(): void {
    this.#wake();
  }

  async #loop(): Promise<void> {
    this.#going = true;
    while (this.#listeners.size > 0) {
      let again = false;
      this.#wake = () => {
        again = true;
      };
      await this.#look();
      if (!again) await this.#rest();
    }
    this.#going = false;
  }

  #rest(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, this.#source.everyMs());
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  async #look(): Promise<void> {
    const { topic, offset, now } = this.#o;
    try {
      const data = await limited(this.#source.read());
      const text = JSON.stringify(data);
      const same = text === this.#text && this.#last?.problem === undefined;
      this.#text = text;
      this.#last = { topic, offset: offset(), at: now(), data };
      this.#tell(same ? { topic, offset: offset(), at: now() } : this.#last);
    } catch (error) {
      const problem: Problem = problemOf(error);
      const old = this.#last;
      this.#last = { ...(old ?? { topic, at: 0 }), offset: offset(), problem };
      this.#tell(this.#last);
    }
  }

  #tell(v: TopicView): void {
    for (const listener of this.#listeners) listener(v);
  }
}

async function limited<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, no) => {
    timer = setTimeout(() => no(new Error(`no answer for ${LOOK_MS / 1000} s`)), LOOK_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
