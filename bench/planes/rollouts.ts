// The real Argo Rollouts controller, built from its Go module into the cache of this machine and run in the planes.
// Its `go` line asks for a newer toolchain than the one that is installed, so that one line is lowered.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const ROLLOUTS = '1.10.2';
const MODULE = 'github.com/argoproj/argo-rollouts';
/** Of the module's content, as a go.sum has it. */
const SUM = 'h1:sEPWsY+HUvnXj3Vh0ejb+GDTceQ/palqhFo2FVQJMk0=';
const BUILD_MS = 900_000;
const DEFINITIONS = ['rollout', 'analysis-run', 'analysis-template', 'cluster-analysis-template', 'experiment'];

export interface Controller {
  program: string;
  /** Files with its definitions. */
  crds: readonly string[];
}

function run(argv: readonly string[], o: { cwd: string; limitMs?: number }): { ok: boolean; out: string } {
  const [command = '', ...args] = argv;
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath -mod=mod' };
  const r = spawnSync(command, args, { ...o, env, encoding: 'utf8', timeout: o.limitMs ?? 120_000 });
  return { ok: r.status === 0, out: `${r.stdout ?? ''}${r.stderr ?? ''}${r.error?.message ?? ''}`.trim() };
}

/** The module's zip, checked by the go command against the sum. */
function download(cwd: string): string {
  const got = run(['go', 'mod', 'download', '-json', `${MODULE}@v${ROLLOUTS}`], { cwd });
  const told = /\{[^]*\}/.exec(got.out)?.[0];
  const { Zip, Sum } = (told === undefined ? {} : JSON.parse(told)) as { Zip?: string; Sum?: string };
  if (Zip === undefined) throw new Error(`the module does not come: ${got.out.slice(-300)}`);
  if (Sum !== SUM) throw new Error(`the module has the sum ${Sum}, not ${SUM}`);
  return Zip;
}

function build(to: string): void {
  const work = mkdtempSync(`${to}.`);
  try {
    const zip = download(work);
    const unpacked = run(['unzip', '-q', zip], { cwd: work });
    if (!unpacked.ok) throw new Error(`unzip: ${unpacked.out.slice(-300)}`);
    const source = join(work, `${MODULE}@v${ROLLOUTS}`);
    const mod = readFileSync(join(source, 'go.mod'), 'utf8');
    const own = /go(\d+\.\d+(\.\d+)?)/.exec(run(['go', 'version'], { cwd: work }).out)?.[1] ?? '1.26';
    writeFileSync(join(source, 'go.mod'), mod.replace(/^go .*$/m, `go ${own}`));
    const made = join(work, 'made');
    mkdirSync(made);
    process.stdout.write(`building the Rollouts controller ${ROLLOUTS} once, 3 minutes or more\n`);
    const program = join(made, 'rollouts-controller');
    const built = run(['go', 'build', '-o', program, './cmd/rollouts-controller'], { cwd: source, limitMs: BUILD_MS });
    if (!built.ok) throw new Error(`go build: ${built.out.slice(-600)}`);
    for (const d of DEFINITIONS)
      renameSync(join(source, 'manifests', 'crds', `${d}-crd.yaml`), join(made, `${d}.yaml`));
    renameSync(made, to);
  } finally {
    run(['chmod', '-R', 'u+w', work], { cwd: '/' });
    rmSync(work, { recursive: true, force: true });
  }
}

/** Builds it when it is not in the cache. Throws with the reason where it cannot be built. */
export function rolloutsController(): Controller {
  const cache =
    process.env['TW_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tradewind');
  const dir = join(cache, 'bench', `rollouts-${ROLLOUTS}`);
  mkdirSync(join(cache, 'bench'), { recursive: true });
  if (!existsSync(dir)) build(dir);
  return { program: join(dir, 'rollouts-controller'), crds: DEFINITIONS.map((d) => join(dir, `${d}.yaml`)) };
}
