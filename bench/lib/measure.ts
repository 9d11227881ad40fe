// Measuring for the benchmarks: times beside a peer of the same run, CPU time from the kernel's books, medians.
import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..', '..');
export const BINS = join(ROOT, '.tradewind', 'cache', 'bin');

/** The terraform that the product would use. */
export function terraformBinary(): string {
  const named = process.env['TW_TERRAFORM'];
  const dirs = (process.env['PATH'] ?? '').split(delimiter).filter((d) => d !== '');
  const found = ['terraform', 'tofu'].flatMap((n) => dirs.map((d) => join(d, n))).find((f) => existsSync(f));
  return named ?? found ?? join(BINS, 'tofu');
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Milliseconds of one tick in /proc/<pid>/stat. */
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Fields of proc(5) stat from the third (state) on: the name before them may hold anything. */
function statOf(pid: number | 'self'): string[] {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

/** CPU time of a live process, user and system, ms; undefined when it has gone. */
export function cpuOf(pid: number): number | undefined {
  try {
    const f = statOf(pid);
    return (Number(f[11]) + Number(f[12])) * TICK_MS;
  } catch {
    return undefined;
  }
}

/** CPU time of all ended children of this process and theirs, ms. */
function cpuOfChildren(): number {
  const f = statOf('self');
  return (Number(f[13]) + Number(f[14])) * TICK_MS;
}

export interface Sample {
  ms: number;
  /** With the children it waited for. Steps of one clock tick (10 ms). */
  cpuMs: number;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Exit codes that are not a failure. Default 0. */
  codes?: readonly number[];
  /** Longest time it may take. Default 100 s. */
  limitMs?: number;
}

/** Runs a command to its end. Throws when it fails: a figure of a failed run means nothing. */
export function run(argv: readonly string[], o: RunOptions = {}): Sample & { stdout: string } {
  const [command = '', ...args] = argv;
  const [cpu, began] = [cpuOfChildren(), performance.now()];
  const r = spawnSync(command, args, {
    cwd: o.cwd ?? ROOT,
    env: o.env ?? process.env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: o.limitMs ?? 100_000,
  });
  const sample = { ms: performance.now() - began, cpuMs: cpuOfChildren() - cpu };
  if (r.status === null || !(o.codes ?? [0]).includes(r.status)) throw failed(argv, r);
  return { ...sample, stdout: r.stdout };
}

function failed(argv: readonly string[], r: SpawnSyncReturns<string>): Error {
  const how = r.error?.message ?? (r.status === null ? `ended by ${r.signal}` : `exit ${r.status}`);
  return new Error(`${argv.join(' ')}: ${how}\n${`${r.stdout}${r.stderr}`.slice(-2000)}`);
}

type Arms<K extends string> = Readonly<Record<K, () => Sample | Promise<Sample>>>;

/** Runs the arms in turn, so that noise meets all of them; the first round is not counted when `warm`. */
export async function inTurn<K extends string>(
  rounds: number,
  arms: Arms<K>,
  o: { warm?: boolean } = {},
): Promise<Record<K, Sample>> {
  const names = Object.keys(arms) as K[];
  const all = new Map<K, Sample[]>(names.map((n) => [n, []]));
  for (let i = o.warm === true ? -1 : 0; i < rounds; i++) {
    for (const name of names) {
      const s = await arms[name]();
      if (i >= 0) all.get(name)?.push(s);
    }
  }
  const of = (n: K, pick: (s: Sample) => number): number => median((all.get(n) ?? []).map(pick));
  // CPU comes in ticks: the mean is finer than the median.
  const mean = (n: K): number => {
    const list = all.get(n) ?? [];
    return list.reduce((sum, s) => sum + s.cpuMs, 0) / list.length;
  };
  return Object.fromEntries(names.map((n) => [n, { ms: of(n, (s) => s.ms), cpuMs: mean(n) }])) as Record<K, Sample>;
}

/** Time and CPU of work inside this process. */
export async function inProcess(work: () => unknown): Promise<Sample> {
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  await work();
  const used = process.cpuUsage(cpu);
  return { ms: performance.now() - began, cpuMs: (used.user + used.system) / 1000 };
}

export interface Row {
  name: string;
  ours: string;
  peer?: string;
  ratio?: number;
  goal?: string;
}

const round = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
export const ms = (n: number): string => (n >= 10_000 ? `${(n / 1000).toFixed(1)} s` : `${round(n)} ms`);
export const us = (n: number): string => `${round(n)} µs`;
export const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** Two rows of one comparison: the time on the wall and the time on the processors. */
export function compare(name: string, ours: Sample, peer: Sample & { name: string }, goal?: string): Row[] {
  const row = (what: string, a: number, b: number, want?: string): Row => ({
    name: `${name}, ${what}`,
    ours: ms(a),
    peer: `${peer.name} ${ms(b)}`,
    ratio: a / b,
    ...(want === undefined ? {} : { goal: want }),
  });
  return [row('wall', ours.ms, peer.ms, goal), row('CPU', ours.cpuMs, peer.cpuMs)];
}

function busy(): string {
  try {
    const some = /avg10=([\d.]+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1];
    return some === undefined ? '' : `, ${some} % of the last 10 s waited for a processor`;
  } catch {
    return '';
  }
}

/** The state of the machine: without it no figure can be read. */
export function machine(): string {
  const cpus = readdirSync('/sys/devices/system/cpu').filter((n) => /^cpu\d+$/.test(n)).length;
  const info = readFileSync('/proc/cpuinfo', 'latin1');
  const model = /model name\s*: (.*)/.exec(info)?.[1] ?? 'unknown processor';
  const load = readFileSync('/proc/loadavg', 'latin1').split(' ').slice(0, 3).join(' ');
  const free = Number(/MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0);
  return `machine: ${cpus} × ${model}, load ${load}${busy()}, ${mb(free * 1024)} free`;
}

/** Prints rows of cells under a head, and the state of the machine. */
export function grid(
  title: string,
  head: readonly string[],
  cells: readonly (readonly string[])[],
  notes: readonly string[] = [],
): void {
  const widths = head.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i]?.length ?? 0)));
  const line = (c: readonly string[]): string => `  ${c.map((x, i) => x.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
  const text = [title, line(head), ...cells.map(line), ...notes.map((n) => `  ${n}`), `  ${machine()}`];
  process.stdout.write(`${text.join('\n')}\n`);
}

/** Prints the table of one benchmark. */
export function table(title: string, rows: readonly Row[], notes: readonly string[] = []): void {
  const cells = rows.map((r) => [
    r.name,
    r.ours,
    r.peer ?? '-',
    r.ratio === undefined || !Number.isFinite(r.ratio) ? '-' : r.ratio.toFixed(2),
    r.goal ?? '-',
  ]);
  grid(title, ['', 'ours', 'peer', 'ratio', 'goal'], cells, notes);
}
