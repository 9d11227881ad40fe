// Builds the Go binaries of the sandbox, each into a cache folder named by the hash of its sources, so
// that a second clone on the machine finds them. Prints the folder on stdout, progress on stderr.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, resolve } from 'node:path';

interface Target {
  name: string;
  /** Folder of the Go module and the package in it. */
  module: string;
  pkg: string;
  /** Files that decide the bytes, by git pathspec relative to the module. */
  sources: string[];
  ldflags?: string;
  /** A dependency that is built without a part of it. */
  trim?: Trim;
  /** Cold build on two cores, for the estimate. */
  minutes: number;
}

/** go.mod names `.tradewind/cache/<folder>` in the place of this module. */
interface Trim {
  folder: string;
  module: string;
  version: string;
  /** As in a go.sum. */
  sum: string;
  /** Folders of the module that are left out. */
  without: readonly string[];
  /** Files of ours that are put in, by their path in it. */
  put: Readonly<Record<string, string>>;
}

const root = resolve(import.meta.dirname, '..');
const cache = process.env['TW_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradewind');
const KUBE_VERSION = 'v1.36.3';
const version = 'k8s.io/component-base/version';
const kubeFlags = `-X ${version}.gitVersion=${KUBE_VERSION} -X ${version}.gitMajor=1 -X ${version}.gitMinor=36 -X ${version}.gitTreeState=clean -X ${version}.buildDate=2026-01-01T00:00:00Z`;

const TARGETS: readonly Target[] = [
  { name: 'guestbook', module: 'examples/guestbook/app', pkg: '.', sources: ['.'], minutes: 0.3 },
  {
    name: 'tw-shim',
    module: 'sandbox',
    pkg: './cmd/tw-shim',
    sources: ['cmd/tw-shim', 'internal/shim', 'go.mod', 'go.sum'],
    minutes: 0.1,
  },
  {
    name: 'tw-net',
    module: 'sandbox',
    pkg: './cmd/tw-net',
    sources: ['cmd/tw-net', 'internal/net', 'go.mod', 'go.sum'],
    minutes: 0.3,
  },
  {
    name: 'tw-provider',
    module: 'sandbox',
    pkg: './cmd/tw-provider',
    sources: ['cmd/tw-provider', 'internal/provider', 'go.mod', 'go.sum'],
    minutes: 0.6,
  },
  // The official server and its tool, as they are in the official image.
  { name: 'tw-etcd', module: 'sandbox/etcd', pkg: 'go.etcd.io/etcd/server/v3', sources: ['.'], minutes: 0.7 },
  { name: 'tw-coredns', module: 'sandbox/coredns', pkg: '.', sources: ['.'], minutes: 2 },
  {
    name: 'tw-sandbox',
    module: 'sandbox',
    pkg: './cmd/tw-sandbox',
    sources: [
      'cmd/tw-sandbox',
      'internal',
      ':!internal/net',
      ':!internal/provider',
      ':!internal/shim',
      'go.mod',
      'go.sum',
    ],
    ldflags: kubeFlags,
    minutes: 4.5,
  },
];

function hashOf(target: Target): string {
  const dir = join(root, target.module);
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...target.sources],
    { cwd: dir, encoding: 'utf8' },
  );
  const hash = createHash('sha256');
  hash.update(execFileSync('go', ['version'], { encoding: 'utf8' }) + JSON.stringify(target));
  for (const file of listed
    .split('\0')
    .filter((f) => f !== '' && !f.endsWith('_test.go') && existsSync(join(dir, f)))
    .toSorted()) {
    hash.update(`${file}\0`).update(readFileSync(join(dir, file)));
  }
  return hash.digest('hex').slice(0, 20);
}

/** Lays the trimmed copy of a module. Its own go.mod names no dependency: the main module's lists them all. */
function trim(t: Trim, from: string): void {
  const answer = execFileSync('go', ['mod', 'download', '-json', `${t.module}@${t.version}`], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
  const got = JSON.parse(answer) as { Dir: string; Sum: string };
  if (got.Sum !== t.sum) throw new Error(`${t.module}@${t.version} has the sum ${got.Sum}, not ${t.sum}`);
  const to = join(root, '.tradewind', 'cache', t.folder);
  rmSync(to, { recursive: true, force: true });
  const left = (file: string): boolean => {
    const path = relative(got.Dir, file);
    return !t.without.includes(path) && !path.endsWith('_test.go');
  };
  cpSync(got.Dir, to, { recursive: true, filter: left });
  // The module cache is read-only, and so is what was copied from it.
  execFileSync('chmod', ['-R', 'u+w', to]);
  writeFileSync(join(to, 'go.mod'), `module ${t.module}\n\ngo 1.26.0\n`);
  for (const [path, file] of Object.entries(t.put)) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    copyFileSync(join(from, file), join(to, path));
  }
}

/** Runs go build; ticks the elapsed time. The result appears under its final name only when it is whole. */
async function build(target: Target, out: string): Promise<void> {
  const started = Date.now();
  mkdirSync(join(out, '..'), { recursive: true });
  const temporary = `${out}.tmp-${process.pid}`;
  if (target.trim !== undefined) trim(target.trim, join(root, target.module));
  const args = ['build', '-trimpath', '-ldflags', `-s -w ${target.ldflags ?? ''}`.trim(), '-o', temporary, target.pkg];
  const child = spawn('go', args, {
    cwd: join(root, target.module),
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
  });
  let tail = '';
  child.stderr.on('data', (b: Buffer) => {
    tail = (tail + b.toString()).slice(-4000);
  });
  const tick = setInterval(
    () =>
      process.stderr.write(
        `build: ${target.name} … ${Math.round((Date.now() - started) / 1000)} s (cold about ${target.minutes} min)\n`,
      ),
    15_000,
  );
  const status = await new Promise<number | null>((done) => child.on('close', done));
  clearInterval(tick);
  if (status !== 0) {
    rmSync(temporary, { force: true });
    throw new Error(`go build ${target.name} failed:\n${tail}`);
  }
  renameSync(temporary, out);
  process.stderr.write(`build: ${target.name} done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

const TOFU: Target = {
  name: 'tofu',
  module: 'tools/opentofu',
  pkg: 'github.com/opentofu/opentofu/cmd/tofu',
  sources: ['go.mod', 'go.sum'],
  ldflags: '-X github.com/opentofu/opentofu/version.dev=no',
  minutes: 3.2,
};

const TRAEFIK_VERSION = '3.7.13';
/** Last of all: it takes longest, and nothing of the sandbox waits for it but a gateway. */
const TRAEFIK: Target = {
  name: 'tw-traefik',
  module: 'sandbox/gateway',
  pkg: 'github.com/traefik/traefik/v3/cmd/traefik',
  sources: ['.'],
  ldflags: `-X github.com/traefik/traefik/v3/pkg/version.Version=${TRAEFIK_VERSION}`,
  trim: {
    folder: 'lego',
    module: 'github.com/go-acme/lego/v5',
    version: 'v5.4.1',
    sum: 'h1:Jt6xAP9xQrJ3SLLGgxejfDDd3pzdrmuLCWe4oTqHHQc=',
    without: ['providers', 'cmd', 'docs', 'e2e', 'main.go', 'zz_gen_version.go', 'go.sum'],
    put: { 'providers/dns/dns.go': 'acme/dns.go' },
  },
  minutes: 5,
};

const onPath = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, name)));

/** OpenTofu is built only where there is neither terraform nor tofu; `tw` looks in this folder last. */
const targets = (): readonly Target[] => {
  const own = process.env['TW_TERRAFORM'] !== undefined || onPath('terraform') || onPath('tofu');
  return [...TARGETS, ...(own ? [] : [TOFU]), TRAEFIK];
};

/** Puts a link in its place in one step: a sandbox that is up never misses a program while it is built anew. */
function link(to: string, path: string): void {
  const temporary = `${path}.tmp-${process.pid}`;
  symlinkSync(to, temporary);
  renameSync(temporary, path);
}

/** All binaries in one folder (links into the cache). */
async function main(): Promise<string> {
  const folder = join(root, '.tradewind', 'cache', 'bin');
  mkdirSync(folder, { recursive: true });
  for (const target of targets()) {
    const out = join(cache, 'bin', hashOf(target), target.name);
    if (!existsSync(out)) await build(target, out);
    link(out, join(folder, target.name));
  }
  return folder;
}

try {
  process.stdout.write(`${await main()}\n`);
} catch (error) {
  process.stderr.write(`TW9004 build failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
