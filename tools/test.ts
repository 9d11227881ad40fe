// Runs every test runner of the repository and ends with one line: "N passed, N failed".
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Names of what failed, with the first line of why. */
  faults: string[];
  /** Files that took a minute or more. */
  slow?: string[];
}
interface Runner {
  name: string;
  run(): Promise<Tally>;
}

const root = resolve(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'tw-test-'));

/** Runs a command, its output passed on line by line; resolves with the exit code. */
async function exec(argv: readonly string[], cwd: string, onLine?: (line: string) => void): Promise<number> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'inherit'],
    env: {
      ...process.env,
      PATH: `${process.env['PATH'] ?? ''}:${join(root, '.tradewind/cache/bin')}`,
      CI: 'true',
      CGO_ENABLED: '0',
      GOFLAGS: '-buildvcs=false -trimpath',
    },
  });
  let rest = '';
  child.stdout?.on('data', (b: Buffer) => {
    const lines = (rest + b.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line);
  });
  return await new Promise((done) => {
    child.on('error', () => done(127));
    child.on('close', (code) => done(code ?? 1));
  });
}

interface FileResult {
  name: string;
  status: string;
  startTime: number;
  endTime: number;
  message?: string;
  assertionResults: { status: string; fullName: string; failureMessages?: string[] }[];
}
const firstLine = (t: string | undefined): string => (t ?? '').split('\n')[0]?.slice(0, 300) ?? '';

/** What failed in one test file; a file that could not even be loaded has no tests of its own. */
function faultsOf(f: FileResult): string[] {
  const file = relative(root, f.name);
  const tests = f.assertionResults.filter((t) => t.status === 'failed');
  if (tests.length === 0 && f.status === 'failed') return [`${file}: ${firstLine(f.message)}`];
  return tests.map((t) => `${file}: ${t.fullName}: ${firstLine(t.failureMessages?.[0])}`);
}

const SLOW_MS = 60_000;
function slowOf(files: readonly FileResult[]): string[] {
  const took = files.map((f) => ({ name: relative(root, f.name), ms: f.endTime - f.startTime }));
  const slow = took.filter((f) => f.ms >= SLOW_MS).toSorted((a, b) => b.ms - a.ms);
  return slow.map((f) => `${f.name} ${Math.round(f.ms / 1000)} s`);
}

/** vitest's JSON report says what ran; a runner that dies without one counts as one failure. */
function vitest(name: string, args: readonly string[]): Runner {
  return {
    name,
    run: async () => {
      const file = join(scratch, `${name}.json`);
      const code = await exec(
        ['node_modules/.bin/vitest', 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile=${file}`],
        root,
      );
      if (!existsSync(file))
        return { passed: 0, failed: 1, skipped: 0, faults: [`${name}: ended with ${code}, no report`] };
      const r = JSON.parse(readFileSync(file, 'utf8')) as {
        numPassedTests: number;
        numFailedTests: number;
        numPendingTests: number;
        numFailedTestSuites: number;
        testResults: FileResult[];
      };
      const failed = Math.max(
        r.numFailedTests,
        r.numFailedTestSuites > 0 && r.numFailedTests === 0 ? 1 : 0,
        code !== 0 && r.numFailedTests === 0 ? 1 : 0,
      );
      const faults = r.testResults.flatMap(faultsOf);
      return { passed: r.numPassedTests, failed, skipped: r.numPendingTests, faults, slow: slowOf(r.testResults) };
    },
  };
}

interface GoEvent {
  Action: string;
  Package: string;
  Test?: string;
  Output?: string;
}

/** go test -json, counted by test (subtests included); the output of what failed is shown. */
function goTest(name: string, dir: string, args: readonly string[]): Runner {
  return {
    name,
    run: async () => {
      const tally: Tally = { passed: 0, failed: 0, skipped: 0, faults: [] };
      const outputs = new Map<string, string[]>();
      const code = await exec(['go', 'test', '-json', ...args], join(root, dir), (line) => {
        if (!line.startsWith('{')) return;
        count(JSON.parse(line) as GoEvent, tally, outputs);
      });
      if (code !== 0 && tally.failed === 0) {
        tally.failed = 1;
        tally.faults.push(`${name}: ended with ${code}`);
      }
      return tally;
    },
  };
}

function count(e: GoEvent, tally: Tally, outputs: Map<string, string[]>): void {
  const key = `${e.Package} ${e.Test ?? ''}`;
  if (e.Output !== undefined) outputs.set(key, [...(outputs.get(key) ?? []), e.Output]);
  if (e.Action === 'fail') process.stdout.write((outputs.get(key) ?? []).join(''));
  if (e.Test === undefined) return;
  if (e.Action === 'pass') tally.passed += 1;
  if (e.Action === 'fail') {
    tally.failed += 1;
    tally.faults.push(key);
  }
  if (e.Action === 'skip') {
    tally.skipped += 1;
    process.stdout.write(`skipped: ${key}\n`);
  }
}

const RUNNERS: readonly Runner[] = [
  vitest('unit', []),
  goTest('go-sandbox', 'sandbox', ['./internal/...']),
  goTest('go-conformance', 'sandbox/conformance', ['./userland/...']),
  goTest('go-guestbook', 'examples/guestbook/app', ['./...']),
  vitest('e2e', ['--config', 'vitest.e2e.config.ts']),
];

const wanted = process.argv.slice(2);
const total: Tally = { passed: 0, failed: 0, skipped: 0, faults: [] };
const rows: string[] = [];
for (const runner of RUNNERS.filter((r) => wanted.length === 0 || wanted.includes(r.name))) {
  const started = Date.now();
  process.stdout.write(`\n== ${runner.name}\n`);
  const t = await runner.run();
  total.passed += t.passed;
  total.failed += t.failed;
  total.skipped += t.skipped;
  total.faults.push(...t.faults);
  const seconds = Math.round((Date.now() - started) / 1000);
  rows.push(`${runner.name}: ${t.passed} passed, ${t.failed} failed, ${t.skipped} skipped in ${seconds} s`);
  for (const file of t.slow ?? []) rows.push(`  ${file}`);
}
rmSync(scratch, { recursive: true, force: true });
const faults = total.faults.slice(0, 20).map((f) => `failed: ${f}\n`);
process.stdout.write(`\n${rows.join('\n')}\n${faults.join('')}\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
