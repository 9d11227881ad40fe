import { readFileSync } from 'node:fs';
import type { CommanderError } from 'commander';
import {
  type Invocation as Call,
  COMMANDS,
  type Context,
  type Document,
  type Io,
  type Outcome,
  runCommand,
} from '../commands/index.ts';
import { cleanLines, type Problem, problemOf, TwError } from '../kernel/index.ts';
import type { GlobalOptions, Invocation } from './program.ts';
import type { Screen } from './progress.ts';
import { columnsOf, isDumb, NARROW, type Style, showsUtf8, toAscii } from './terminal.ts';

export interface CliDeps {
  argv: readonly string[];
  /** Makes the engine for one call; adapters are loaded only here. */
  engine: (call: Call) => Promise<Context>;
  processes: Readonly<Record<string, (argv: readonly string[]) => Promise<void>>>;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** -o as typed, even when parsing failed: a failure is one document too. */
function wantedFormat(argv: readonly string[]): GlobalOptions['output'] {
  const joined = ` ${argv.join(' ')} `;
  if (/ (--json|-o ?json|--output[ =]json) /.test(joined)) return 'json';
  return / (-o ?yaml|--output[ =]yaml) /.test(joined) ? 'yaml' : 'table';
}

function styleOf(global: Pick<GlobalOptions, 'color' | 'ascii'>): Style {
  const { env, stderr } = process;
  const colour = global.color && stderr.isTTY === true && env['NO_COLOR'] === undefined && !isDumb(env);
  const columns = columnsOf(stderr, env);
  return { colour, ascii: global.ascii || !showsUtf8(env), ...(columns === undefined ? {} : { columns }) };
}

/** To people: in the letters that their terminal has. */
const put = (stream: NodeJS.WriteStream, text: string, { ascii }: Style): void =>
  void stream.write(ascii ? toAscii(text) : text);

/** Parses argv; undefined when commander has already answered (help, version). Throws usage faults. */
async function parse(argv: readonly string[]): Promise<Invocation | undefined> {
  let found: Invocation | undefined;
  const { buildProgram, usageFault } = await import('./program.ts');
  const program = buildProgram(COMMANDS, version(), (i) => {
    found = i;
  });
  if (argv.length === 0) {
    program.outputHelp();
    return undefined;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!isCommander(error)) throw error;
    if (error.exitCode === 0) return undefined;
    if (error.code === 'commander.help') return undefined;
    throw usageFault(error, argv, COMMANDS);
  }
  return found;
}

function isCommander(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

async function print(problem: Problem, verb: string, argv: readonly string[], style: Style): Promise<void> {
  const format = wantedFormat(argv);
  if (format !== 'table') {
    const document: Document = {
      apiVersion: 'tradewind/v1',
      kind: 'Problem',
      problem,
      meta: { verb, at: new Date().toISOString(), ms: 0 },
    };
    const { renderResult } = await import('./render.ts');
    process.stdout.write(await renderResult(document, undefined, format, style));
  }
  await tell(problem, style);
}

/** A problem for people, on stderr. */
async function tell(problem: Problem, style: Style): Promise<void> {
  const { problemLines } = await import('./render.ts');
  const lines = problemLines(problem, style).map((l) => `${l}\n`);
  put(process.stderr, lines.join(''), style);
}

function screenOf(style: Style): Screen {
  const { env, stderr } = process;
  const { columns, rows }: { columns?: number; rows?: number } = stderr;
  // A tree is drawn again and again in its place: that needs a terminal that can, and room for its facts.
  const draws = stderr.isTTY === true && env['CI'] === undefined && !isDumb(env) && (columns ?? NARROW) >= NARROW;
  return { isTTY: draws, columns: columns ?? 100, rows: rows ?? 40, write: (s) => put(stderr, s, style) };
}

/** Data as it streams: to a program as it is, to a terminal without what would move its cursor. */
function out(text: string, style: Style): void {
  if (process.stdout.isTTY === true) put(process.stdout, cleanLines(text), style);
  else process.stdout.write(text);
}

async function execute(deps: CliDeps, invocation: Invocation, style: Style): Promise<void> {
  const started = Date.now();
  const screen = screenOf(style);
  const [{ painter }, { ask }, { choose }] = await Promise.all([
    import('./progress.ts'),
    import('./ask.ts'),
    import('./remote/choose.ts'),
  ]);
  const paint = painter(screen, style, () => Date.now());
  const [abort, detach] = [new AbortController(), new AbortController()];
  let stop: () => void = () => undefined;
  let close: () => Promise<void> = async () => undefined;
  try {
    const typed: Call = {
      verb: invocation.spec.verb,
      args: invocation.args,
      ...(invocation.global.config === undefined ? {} : { config: invocation.global.config }),
    };
    const context = await deps.engine(typed);
    close = () => context.close();
    const { spec, global } = invocation;
    const wish = { spec, inProcess: global.inProcess, env: process.env, version: version() };
    const { call, remote, note } = await choose(context, typed, wish);
    if (note !== undefined) put(process.stderr, `${cleanLines(note)}\n`, style);
    stop = interrupts(abort, detach, remote === undefined ? HERE[spec.kind] : THERE);
    const io: Io = {
      show: (v) => paint.show(v),
      out: (s) => out(s, style),
      ask: (q) => ask(q, process),
      signal: abort.signal,
      detach: detach.signal,
      machine: global.output !== 'table',
    };
    const outcome = remote === undefined ? await runCommand(context, call, io) : await remote(io);
    paint.end();
    const painted = screen.isTTY && process.stdout.isTTY === true && paint.shows(outcome.view);
    await show(outcome, { invocation, ms: Date.now() - started, style, painted });
  } finally {
    paint.end();
    stop();
    // After a failure too: an open connection to a store would keep the process.
    await close();
  }
}

function documentOf(outcome: Outcome, spec: Invocation['spec'], ms: number): Document {
  return {
    apiVersion: 'tradewind/v1',
    kind: spec.result,
    data: outcome.data,
    missing: outcome.missing ?? [],
    warnings: outcome.warnings ?? [],
    meta: { verb: spec.verb, at: new Date().toISOString(), ms },
    ...(outcome.problem === undefined ? {} : { problem: outcome.problem }),
  };
}

interface Shown {
  invocation: Invocation;
  ms: number;
  style: Style;
  /** The rows stand on this terminal already. */
  painted: boolean;
}

/** Of stdout, which may be another screen than stderr, or none. */
function dataStyle({ colour, ascii }: Style): Style {
  const columns = columnsOf(process.stdout, process.env);
  return { colour: colour && process.stdout.isTTY === true, ascii, ...(columns === undefined ? {} : { columns }) };
}

async function show(outcome: Outcome, s: Shown): Promise<void> {
  const format = s.invocation.global.output;
  const silent = format === 'table' ? s.painted : outcome.streamed === true;
  if (!silent) {
    const style = dataStyle(s.style);
    const document = documentOf(outcome, s.invocation.spec, s.ms);
    const { renderResult } = await import('./render.ts');
    const text = await renderResult(document, outcome, format, style);
    put(process.stdout, text, { ...style, ascii: style.ascii && format === 'table' });
  }
  const problems = [...(outcome.warnings ?? []), ...(outcome.problem === undefined ? [] : [outcome.problem])];
  for (const problem of problems) await tell(problem, s.style);
  process.exitCode = outcome.exit ?? outcome.problem?.exit ?? 0;
}

/** How long what was told to let go may take before the process ends the hard way. */
const LEAVE_MS = 3000;

/** What is said at the first Ctrl-C, and at the second. */
interface Words {
  first?: string;
  second: string;
}
const LEFT = '\nLeft to finish alone; "tw resume" verifies it.\n';
const FORWARD: Words = {
  first:
    '\nStopping safely; what the clouds have begun is waited for. Once more leaves it to finish alone (tw resume).\n',
  second: LEFT,
};
const HERE: Readonly<Record<string, Words>> = { forward: FORWARD };
const THERE: Words = {
  first: '\nThe server is asked to stop it safely. Once more leaves it to the server.\n',
  second: '\nLeft to the server.\n',
};

/** First Ctrl-C stops safely, a second one leaves what runs to finish alone, a third one ends at once. */
function interrupts(abort: AbortController, detach: AbortController, words: Words | undefined): () => void {
  let count = 0;
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const off = (): void => {
    for (const s of signals) process.off(s, onSignal);
  };
  const die = (signal: NodeJS.Signals): void => {
    off();
    process.kill(process.pid, signal);
  };
  function onSignal(signal: NodeJS.Signals): void {
    count += 1;
    process.exitCode = signal === 'SIGTERM' ? 143 : 130;
    if (count === 1) {
      if (words?.first !== undefined) process.stderr.write(words.first);
      abort.abort(signal);
      return;
    }
    if (count > 2) return die(signal);
    process.stderr.write(words?.second ?? LEFT);
    detach.abort(signal);
    setTimeout(die, LEAVE_MS, signal).unref();
  }
  for (const s of signals) process.on(s, onSignal);
  return off;
}

/** `tw logs | head`: the reader is gone, that is no error. */
function closedReader(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

async function failed(error: unknown, argv: readonly string[], style: Style): Promise<void> {
  const problem = problemOf(error);
  const bug = error instanceof TwError && problem.kind === 'bug' ? error.cause : error;
  if (!(bug instanceof TwError) && process.env['TW_DEBUG'] !== undefined)
    process.stderr.write(`${bug instanceof Error ? bug.stack : String(bug)}\n`);
  await print(problem, argv[0] ?? '', argv, style);
  if (process.exitCode === undefined || process.exitCode === 0) process.exitCode = problem.exit;
}

/** The CLI: argv → command → renderer → exit code. Never throws. */
export async function cli(deps: CliDeps): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', closedReader);
  const [first = '', ...rest] = deps.argv;
  const own = deps.processes[first];
  let style = styleOf({ color: !deps.argv.includes('--no-color'), ascii: deps.argv.includes('--ascii') });
  try {
    if (own !== undefined) return await own(rest);
    const invocation = await parse(deps.argv);
    if (invocation === undefined) return;
    style = styleOf(invocation.global);
    await execute(deps, invocation, style);
  } catch (error) {
    await failed(error, deps.argv, style);
  }
}
