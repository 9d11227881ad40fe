// What `make conformance` builds from the module sandbox/conformance, each by the hash of what decides it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

interface Target {
  name: string;
  args: readonly string[];
  /** Folder of the module whose files decide the bytes beside go.mod and go.sum. */
  sources?: string;
  /** Module, when it is not the suite's own. */
  module?: string;
  mode?: number;
  minutes: number;
}

const TARGETS: readonly Target[] = [
  { name: 'agnhost', args: ['build', '-ldflags', '-s -w', 'k8s.io/kubernetes/test/images/agnhost'], minutes: 1 },
  {
    name: 'nnp',
    args: ['build', '-ldflags', '-s -w', 'k8s.io/kubernetes/test/images/nonewprivs'],
    mode: 0o4755,
    minutes: 0.1,
  },
  { name: 'userland', args: ['build', '-ldflags', '-s -w', './userland'], sources: 'userland', minutes: 0.1 },
  {
    name: 'etcd',
    args: ['build', '-ldflags', '-s -w', './test/etcd'],
    sources: 'test/etcd',
    module: '..',
    minutes: 0.2,
  },
  { name: 'sample-apiserver', args: ['build', '-ldflags', '-s -w', 'k8s.io/sample-apiserver'], minutes: 0.3 },
  { name: 'ginkgo', args: ['build', '-ldflags', '-s -w', 'github.com/onsi/ginkgo/v2/ginkgo'], minutes: 0.3 },
  { name: 'e2e.test', args: ['test', '-c', '-ldflags', '-s -w', 'k8s.io/kubernetes/test/e2e'], minutes: 6 },
];

const ENV = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' };

/** name → path of every program the suite and its images need; `kubernetes` is the module's source folder. */
export function buildAll(module: string, say: (text: string) => void): Record<string, string> {
  const cache =
    process.env['TW_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradewind');
  const go = (...args: string[]): string => goIn(module, ...args);
  const goIn = (cwd: string, ...args: string[]): string =>
    execFileSync('go', args, { cwd, env: ENV, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const compiler = go('version');
  const out: Record<string, string> = {
    kubernetes: go('list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'),
    bash: whereIs('bash'),
  };
  for (const t of TARGETS) {
    const home = join(module, t.module ?? '');
    const file = join(cache, 'bin', keyOf(home, t, compiler), t.name);
    if (!existsSync(file)) {
      say(`building ${t.name} (cold about ${t.minutes} min)`);
      mkdirSync(join(file, '..'), { recursive: true });
      const temporary = `${file}.tmp-${process.pid}`;
      goIn(home, ...t.args.slice(0, -1), '-o', temporary, t.args.at(-1) ?? '');
      if (t.mode !== undefined) chmodSync(temporary, t.mode);
      renameSync(temporary, file);
    }
    out[t.name] = file;
  }
  return out;
}

function keyOf(module: string, t: Target, compiler: string): string {
  const hash = createHash('sha256').update(compiler + JSON.stringify(t));
  const own = t.sources === undefined ? [] : readdirSync(join(module, t.sources)).map((f) => join(t.sources ?? '', f));
  for (const f of ['go.mod', 'go.sum', ...own.toSorted()]) hash.update(readFileSync(join(module, f)));
  return hash.digest('hex').slice(0, 20);
}

function whereIs(program: string): string {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((d) => join(d, program))
    .find((f) => existsSync(f));
  if (found === undefined) throw new Error(`${program} is not on PATH; the suite's images need it`);
  return found;
}

/** images.json with the built programs filled in, in the form of a recipes file. */
export function imageRecipes(file: string, built: Readonly<Record<string, string>>): { images: unknown[] } {
  const text = readFileSync(file, 'utf8').replaceAll(/\{([a-z.0-9-]+)\}/g, (all, name: string) => built[name] ?? all);
  const { images } = JSON.parse(text) as { images: Record<string, unknown>[] };
  return { images: images.map((image) => Object.fromEntries(Object.entries(image).filter(([key]) => key !== 'is'))) };
}
