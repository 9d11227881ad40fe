// make validate: format, lint, types, dead code, Go vet and format, terraform format, generated docs.
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules', '.bin', name);

interface Step {
  name: string;
  argv: string[];
  cwd?: string;
  /** Output must be empty. */
  silent?: boolean;
}
const STEPS: readonly Step[] = [
  { name: 'format', argv: [bin('biome'), 'check', '.'] },
  { name: 'types', argv: [bin('tsc'), '--noEmit', '-p', '.'] },
  { name: 'lint', argv: [bin('oxlint'), '--type-aware', '--deny-warnings', '.'] },
  { name: 'rooms', argv: ['node', 'tools/rooms.ts'] },
  { name: 'dead code', argv: [bin('knip')] },
  { name: 'docs', argv: ['node', 'tools/docs.ts', '--check'] },
  { name: 'gofmt', argv: ['gofmt', '-l', 'sandbox', 'examples'], silent: true },
  { name: 'go vet', argv: ['go', 'vet', './...'], cwd: 'sandbox' },
  { name: 'go vet guestbook', argv: ['go', 'vet', './...'], cwd: 'examples/guestbook/app' },
  { name: 'terraform fmt', argv: ['terraform', 'fmt', '-check', '-recursive', 'terraform/modules'] },
];

let failed = 0;
for (const step of STEPS) {
  const [command = '', ...args] = step.argv;
  const run = spawnSync(command, args, {
    cwd: join(root, step.cwd ?? '.'),
    encoding: 'utf8',
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' },
  });
  const bad = run.status !== 0 || (step.silent === true && run.stdout.trim() !== '');
  process.stdout.write(`${bad ? 'FAIL' : 'ok  '} ${step.name}\n`);
  if (!bad) continue;
  failed += 1;
  process.stdout.write(`${run.stdout}${run.stderr}${run.error?.message ?? ''}\n`);
}
process.exitCode = failed === 0 ? 0 : 1;
