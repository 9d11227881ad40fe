// make conformance: builds Kubernetes' own e2e suite and its images from the module, starts a sandbox cluster of
// two nodes, runs the [Conformance] specs inside the control plane's network and prints the result by SIG.
//   node tools/conformance.ts [--sig node,storage] [--focus <regexp>] [--minutes 60] [--procs 4]
//                             [--results file.json] [--keep] [--in <kept folder>]
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAll, imageRecipes } from './conformance/build.ts';
import { readKnown, readReport, render } from './conformance/report.ts';

const root = resolve(import.meta.dirname, '..');
const module = join(root, 'sandbox', 'conformance');
const { values } = parseArgs({
  options: {
    /** Regular expression over names of specs; alone it may choose specs beyond [Conformance]. */
    focus: { type: 'string' },
    /** SIGs, with commas; all of their [Conformance] specs. */
    sig: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    procs: { type: 'string', default: '4' },
    results: { type: 'string' },
    /** Leave the sandbox and its logs; `--in` runs in such a folder again. */
    keep: { type: 'boolean', default: false },
    in: { type: 'string' },
  },
});
const SKIP = String.raw`\[Serial\]|\[Slow\]|\[Disruptive\]`;
/** How long specs may clean up after the time has ended. */
const GRACE_SECONDS = 45;

const say = (text: string): void => void process.stderr.write(`conformance: ${text}\n`);
const built = buildAll(module, say);
const dir = values.in ?? mkdtempSync(join(tmpdir(), 'tw-c-'));
const config = join(dir, 'tradewind.json');
const sandbox = join(dir, 's', 'sandbox');

function tw(...args: string[]): void {
  execFileSync(join(root, 'tw'), [...args, '--config', config], {
    env: { ...process.env, TW_STATE_DIR: join(dir, 's') },
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 64 << 20,
  });
}

function prepare(): void {
  const recipes = imageRecipes(join(module, 'images.json'), built);
  writeFileSync(join(dir, 'recipes.json'), JSON.stringify(recipes, null, 2));
  const one = { cloud: 'aws', region: 'sa-east-1', size: 'l', nodes: { min: 2, max: 2 } };
  const world = {
    fleet: 'conf',
    accounts: { aws: { account: '111122223333' } },
    clusters: { one },
    sandbox: { recipes: './recipes.json', cloudTime: 600 },
  };
  writeFileSync(config, JSON.stringify(world));
  say('starting a cluster of two nodes');
  try {
    tw('up', '--sandbox', '--yes');
  } catch (error) {
    throw new Error(`the sandbox did not start:\n${String((error as { stderr?: unknown }).stderr).slice(-4000)}`, {
      cause: error,
    });
  }
}

function focusOf(): string {
  if (values.sig === undefined) return values.focus ?? String.raw`\[Conformance\]`;
  return String.raw`\[sig-(${values.sig.split(',').join('|')})\].*${values.focus ?? String.raw`\[Conformance\]`}`;
}

/** Runs ginkgo in the network of the control plane; its exit code says less than its report. */
async function run(focus: string, report: string): Promise<void> {
  const [id = ''] = readdirSync(join(sandbox, 'clusters'));
  const cluster = join(sandbox, 'clusters', id);
  const enter = ['enter', '--dir', sandbox, `cp-${id}`, '--'];
  const ginkgo = [
    built['ginkgo'] ?? '',
    `--procs=${values.procs}`,
    `--timeout=${values.minutes}m`,
    `--grace-period=${GRACE_SECONDS}s`,
    `--focus=${focus}`,
    `--skip=${SKIP}`,
    '--no-color',
    `--output-dir=${dir}`,
    `--junit-report=${report}`,
  ];
  const suite = [
    built['e2e.test'] ?? '',
    '--',
    `--kubeconfig=${join(cluster, 'admin.kubeconfig')}`,
    '--provider=skeleton',
    '--num-nodes=2',
  ];
  const log = openSync(join(dir, report.replace('.xml', '.log')), 'w');
  const child = spawn(join(root, '.tradewind/cache/bin/tw-net'), [...enter, ...ginkgo, ...suite], {
    cwd: dir,
    stdio: ['ignore', log, log],
  });
  await new Promise((done) => child.on('close', done));
  closeSync(log);
}

try {
  if (!existsSync(config)) prepare();
  const focus = focusOf();
  const report = `junit-${Date.now()}.xml`;
  const began = Date.now();
  await run(focus, report);
  say(`ran for ${Math.round((Date.now() - began) / 1000)} s; log ${join(dir, report.replace('.xml', '.log'))}`);
  if (!existsSync(join(dir, report))) throw new Error('the suite ended without a report; its log says why');
  const specs = readReport(readFileSync(join(dir, report), 'utf8'), new RegExp(focus), new RegExp(SKIP));
  if (values.results !== undefined) writeFileSync(values.results, JSON.stringify(specs, null, 2));
  const known = readKnown(join(root, 'test/conformance/known.yaml'));
  const { text, unexplained, passed } = render(specs, known);
  process.stdout.write(`${text}\n`);
  process.exitCode = unexplained > 0 || passed === 0 ? 1 : 0;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  if (!values.keep && values.in === undefined) {
    tw('sandbox', 'down');
    if (process.exitCode === 0) rmSync(dir, { recursive: true, force: true });
  }
}
