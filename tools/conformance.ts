// make conformance: builds Kubernetes' own e2e suite and its agnhost image from the module, starts a
// sandbox cluster of two nodes, runs the [Conformance] specs and prints passed, failed, skipped by SIG.
//   node tools/conformance.ts [--focus <regexp>] [--keep]
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    focus: { type: 'string' },
    keep: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '60' },
  },
});

const cache = process.env['TW_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradewind');
const module = join(root, 'sandbox', 'conformance');
const say = (text: string): void => void process.stderr.write(`conformance: ${text}\n`);

/** Builds into the cache, by hash of the module's pins. */
function build(name: string, args: string[]): string {
  const key = createHash('sha256')
    .update(readFileSync(join(module, 'go.mod')))
    .update(readFileSync(join(module, 'go.sum')))
    .update(name)
    .digest('hex')
    .slice(0, 20);
  const out = join(cache, 'bin', key, name);
  if (existsSync(out)) return out;
  say(`building ${name} (cold about 6 min)`);
  mkdirSync(join(out, '..'), { recursive: true });
  execFileSync('go', [...args.slice(0, -1), '-o', `${out}.tmp`, args.at(-1) ?? ''], {
    cwd: module,
    stdio: 'inherit',
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' },
  });
  renameSync(`${out}.tmp`, out);
  return out;
}

const AGNHOST = { entrypoint: ['/agnhost'], cmd: ['pause'] };
const SHELL = { cmd: ['/bin/sh'] };

/** The suite's images as recipes: agnhost is the real binary, the others are this machine's userland. */
function recipes(agnhost: string): object {
  const files = [{ host: agnhost, at: '/agnhost' }];
  const e2e = (name: string, rest: object): object => ({
    name: `registry.k8s.io/e2e-test-images/${name}`,
    files,
    ...rest,
  });
  return {
    images: [
      e2e('agnhost', AGNHOST),
      e2e('busybox', SHELL),
      e2e('nginx', { entrypoint: ['/agnhost'], cmd: ['netexec', '--http-port=80', '--udp-port=-1'] }),
      e2e('httpd', { entrypoint: ['/agnhost'], cmd: ['netexec', '--http-port=80', '--udp-port=-1'] }),
      e2e('nonewprivs', SHELL),
      e2e('jessie-dnsutils', SHELL),
      { name: 'docker.io/library/alpine', ...SHELL },
    ],
  };
}

function prepare(dir: string, agnhost: string): string {
  writeFileSync(join(dir, 'recipes.json'), JSON.stringify(recipes(agnhost), null, 2));
  writeFileSync(
    join(dir, 'tradewind.json'),
    JSON.stringify({
      fleet: 'conf',
      accounts: { aws: { account: '111122223333' } },
      clusters: { one: { cloud: 'aws', region: 'sa-east-1', size: 'l', nodes: { min: 2, max: 2 } } },
      sandbox: { recipes: './recipes.json', cloudTime: 600 },
    }),
  );
  return join(dir, 'tradewind.json');
}

interface Case {
  sig: string;
  name: string;
  result: 'passed' | 'failed' | 'skipped';
}

/** Ginkgo's JUnit report, read by its regular shape. */
function readReports(dir: string): Case[] {
  return readdirSync(dir)
    .filter((f) => /^junit.*\.xml$/.test(f))
    .flatMap((f) => {
      const xml = readFileSync(join(dir, f), 'utf8');
      return [...xml.matchAll(/<testcase name="([^"]*)"[^>]*?status="([^"]*)"/g)].map((m): Case => {
        const name = (m[1] ?? '')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&')
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>');
        const status = m[2] ?? '';
        return {
          sig: /\[sig-([^\]]+)\]/.exec(name)?.[1] ?? '',
          name,
          result: status === 'passed' ? 'passed' : status === 'skipped' || status === 'pending' ? 'skipped' : 'failed',
        };
      });
    })
    .filter((c) => c.sig !== '');
}

const SIGS = ['storage', 'node', 'apps', 'network', 'api-machinery', 'cli', 'auth', 'instrumentation', 'scheduling'];

async function runSuite(argv: string[], log: string): Promise<void> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (b: Buffer) => chunks.push(b));
  child.stderr.on('data', (b: Buffer) => chunks.push(b));
  const stop = setTimeout(() => child.kill('SIGINT'), Number(values.minutes) * 60_000);
  await new Promise((done) => child.on('close', done));
  clearTimeout(stop);
  writeFileSync(log, Buffer.concat(chunks));
}

function table(cases: readonly Case[]): void {
  const known = (
    parse(readFileSync(join(root, 'test/conformance/known.yaml'), 'utf8')) as {
      known: { match: string; why: string }[];
    }
  ).known;
  process.stdout.write('SIG               passed  failed\n');
  for (const sig of [...new Set(cases.map((c) => c.sig))].toSorted()) {
    const of = (r: Case['result']): number => cases.filter((c) => c.sig === sig && c.result === r).length;
    if (of('passed') + of('failed') > 0)
      process.stdout.write(`${sig.padEnd(18)}${String(of('passed')).padStart(6)}${String(of('failed')).padStart(8)}\n`);
  }
  let unexplained = 0;
  for (const c of cases.filter((x) => x.result === 'failed')) {
    const why = known.find((k) => c.name.includes(k.match))?.why;
    if (why === undefined) unexplained += 1;
    process.stdout.write(`failed: ${c.name}\n        ${why ?? 'NOT EXPLAINED'}\n`);
  }
  const count = (r: Case['result']): number => cases.filter((c) => c.result === r).length;
  process.stdout.write(`\n${count('passed')} passed, ${count('failed')} failed (${unexplained} not explained)\n`);
  process.exitCode = unexplained > 0 || count('passed') === 0 ? 1 : 0;
}

const agnhost = build('agnhost', ['build', '-ldflags', '-s -w', 'k8s.io/kubernetes/test/images/agnhost']);
const suite = build('e2e.test', ['test', '-c', '-ldflags', '-s -w', 'k8s.io/kubernetes/test/e2e']);
const dir = mkdtempSync(join(tmpdir(), 'tw-c-'));
const config = prepare(dir, agnhost);
const env = { ...process.env, TW_STATE_DIR: join(dir, 's') };
const tw = (...args: string[]): string =>
  execFileSync(join(root, 'tw'), [...args, '--config', config], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
try {
  tw('up', '--sandbox', '--yes');
  const sandbox = join(dir, 's', 'sandbox');
  const id = readdirSync(join(sandbox, 'clusters'))[0] ?? '';
  const enter = [join(root, '.tradewind/cache/bin/tw-net'), 'enter', '--dir', sandbox, `cp-${id}`, '--'];
  const common = [
    suite,
    `--kubeconfig=${join(sandbox, 'clusters', id, 'admin.kubeconfig')}`,
    '--provider=skeleton',
    '--ginkgo.skip=\\[Serial\\]|\\[Slow\\]|\\[Disruptive\\]',
    '--ginkgo.no-color',
    '--num-nodes=2',
  ];
  const sets = values.focus === undefined ? SIGS.map((s) => `\\[sig-${s}\\].*\\[Conformance\\]`) : [values.focus];
  say(`running ${sets.length} sets of specs, at most ${values.minutes} min`);
  const began = Date.now();
  await Promise.all(
    sets.map((focus, i) =>
      runSuite(
        [...enter, ...common, `--ginkgo.focus=${focus}`, `--report-dir=${dir}`, `--report-prefix=${i}-`],
        join(dir, `suite-${i}.log`),
      ),
    ),
  );
  say(`ran for ${Math.round((Date.now() - began) / 1000)} s; logs in ${dir}`);
  table(readReports(dir));
} finally {
  if (!values.keep) tw('sandbox', 'down');
  if (!values.keep && process.exitCode === 0) rmSync(dir, { recursive: true, force: true });
}
