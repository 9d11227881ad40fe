/**
 * Records the streams that the transcripts replay: `node src/infra/testing/record.ts`. Real runs of
 * the terraform on PATH over its own resources; times and lock ids are made constant.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { terraformBinary } from './terraform.ts';

const OUT = join(import.meta.dirname, 'streams');
const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1' };

interface Scene {
  dir: string;
  hcl(text: string): void;
  /** Runs and keeps the stream under `name`; interrupts when the stream says `at`. */
  run(name: string | undefined, args: readonly string[], at?: string): Promise<number | null>;
}

const steady = (text: string): string =>
  text
    .replaceAll(/"@timestamp":"[^"]*"/g, '"@timestamp":"2026-01-01T00:00:00.000000Z"')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '00000000-0000-4000-8000-000000000000')
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000 UTC/g, '2026-01-01 00:00:00 +0000 UTC')
    .replaceAll(/Who: +[^\\\s]+/g, 'Who:       ana@laptop');

function scene(): Scene {
  const dir = mkdtempSync(join(tmpdir(), 'tw-record-'));
  return {
    dir,
    hcl: (text) => writeFileSync(join(dir, 'main.tf'), text),
    run: async (name, args, at) => {
      const child = spawn(terraformBinary() ?? 'terraform', args, {
        cwd: dir,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      let text = '';
      let sent = false;
      child.stdout.on('data', (d: Buffer) => {
        text += d.toString();
        if (at === undefined || sent || !text.includes(at)) return;
        sent = true;
        child.kill('SIGINT');
      });
      const code = await new Promise<number | null>((done) => child.once('close', done));
      if (name !== undefined) writeFileSync(join(OUT, `${name}.jsonl`), steady(text));
      return code;
    },
  };
}

const APPLY = ['apply', '-json', '-input=false', '-auto-approve'];
const data = (name: string, command?: string, extra = ''): string =>
  `resource "terraform_data" "${name}" {\n  input = "${name}"\n${extra}${command === undefined ? '' : `  provisioner "local-exec" {\n    command = "${command}"\n  }\n`}}\n`;

async function good(): Promise<void> {
  const s = scene();
  s.hcl(
    `${data('network')}${data('cluster', 'true', '  depends_on = [terraform_data.network]\n')}output "name" {\n  value = terraform_data.cluster.output\n}\n`,
  );
  await s.run('init', ['init', '-json', '-input=false']);
  await s.run('plan', ['plan', '-json', '-input=false', '-out=plan.tfplan']);
  await s.run('apply', ['apply', '-json', '-input=false', 'plan.tfplan']);
  await s.run('plan-unchanged', ['plan', '-json', '-input=false']);
  s.hcl(`${data('network')}${data('cluster', 'true', '  triggers_replace = "now"\n')}`);
  await s.run('plan-replace', ['plan', '-json', '-input=false']);
  await s.run('stale', ['apply', '-json', '-input=false', 'plan.tfplan']);
  await s.run('plan-destroy', ['plan', '-json', '-input=false', '-destroy']);
  await s.run('destroy', [...APPLY, '-destroy']);
  rmSync(s.dir, { recursive: true });
}

async function bad(): Promise<void> {
  const s = scene();
  s.hcl(
    `${data('network')}${data('cluster', 'echo quota >&2; exit 3')}${data('after', 'true', '  depends_on = [terraform_data.cluster]\n')}`,
  );
  await s.run('apply-failed', APPLY);
  s.hcl(data('cluster', 'sleep 30', '  depends_on = [terraform_data.network]\n') + data('network'));
  await s.run('apply-interrupted', APPLY, '"type":"provision_start"');
  s.hcl(
    `resource "terraform_data" "cluster" {\n  input = "cluster"\n  provisioner "local-exec" {\n    when    = destroy\n    command = "exit 4"\n  }\n}\n`,
  );
  await s.run(undefined, APPLY);
  await s.run('destroy-failed', [...APPLY, '-destroy']);
  s.hcl('resource "terraform_data" "cluster" {\n  inptu = "typo"\n}\n');
  await s.run('module-fault', ['plan', '-json', '-input=false']);
  s.hcl(
    `${data('cluster')}check "health" {\n  assert {\n    condition     = terraform_data.cluster.output == "well"\n    error_message = "The health page does not answer."\n  }\n}\n`,
  );
  await s.run('check-warning', APPLY);
  rmSync(s.dir, { recursive: true });
}

async function locked(): Promise<void> {
  const s = scene();
  s.hcl(data('cluster', 'sleep 3'));
  const first = s.run(undefined, APPLY);
  await new Promise((done) => setTimeout(done, 1200));
  await s.run('locked', ['plan', '-json', '-input=false', '-lock-timeout=0s']);
  await first;
  rmSync(s.dir, { recursive: true });
}

async function parts(): Promise<void> {
  const s = scene();
  s.hcl('import {\n  to = terraform_data.old\n  id = "00000000-0000-4000-8000-000000000000"\n}\n' + data('old'));
  await s.run('plan-import', ['plan', '-json', '-input=false']);
  s.hcl(data('one'));
  await s.run(undefined, APPLY);
  s.hcl(`${data('two')}moved {\n  from = terraform_data.one\n  to   = terraform_data.two\n}\n`);
  await s.run('plan-moved', ['plan', '-json', '-input=false']);
  s.hcl('removed {\n  from = terraform_data.one\n  lifecycle {\n    destroy = false\n  }\n}\n');
  await s.run('plan-forget', ['plan', '-json', '-input=false']);
  rmSync(s.dir, { recursive: true });
}

mkdirSync(OUT, { recursive: true });
await good();
await bad();
await locked();
await parts();
