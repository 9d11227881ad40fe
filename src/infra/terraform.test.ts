import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memoryJournal, startOf, systemClock } from '../kernel/index.ts';
import { terraformEnv } from './adapters/process.ts';
import { terraformRunner } from './adapters/terraform.ts';
import { replayTerraform } from './adapters/terraform-twin.ts';
import { openRuns } from './machine.ts';
import { type RootId, rootName } from './model.ts';
import { type TerraformUnderTest, terraformContract } from './terraform.contract.ts';
import { labPlace } from './testing/lab.ts';
import { terraformBinary } from './testing/terraform.ts';

const ROOTS = { good: 'cluster:good', bad: 'cluster:bad', slow: 'cluster:slow', slow2: 'cluster:slow2' } as const;
const STREAMS = join(import.meta.dirname, 'testing', 'streams');
const lines = (file: string): string[] =>
  readFileSync(join(STREAMS, `${file}.jsonl`), 'utf8')
    .trim()
    .split('\n');

terraformContract('twin', async () => {
  const [ok, failed, stopped] = [lines('apply'), lines('apply-failed'), lines('apply-interrupted')];
  const slow = { lines: ok, code: 0, interrupted: { lines: stopped.slice(-2), code: 1 } };
  const twin = replayTerraform({
    'cluster:good apply': [{ lines: ok, code: 0 }],
    'cluster:bad apply': [{ lines: failed, code: 1 }],
    'cluster:slow apply': [slow],
    'cluster:slow2 apply': [slow],
  });
  return {
    port: twin,
    roots: ROOTS,
    args: [],
    interrupts: (root) => twin.interrupts(root),
    letGo: (root) => twin.letGo(root),
    close: async () => undefined,
  };
});

const COMMANDS: Record<string, string> = {
  good: 'true',
  bad: 'exit 3',
  slow: 'sleep 30',
  slow2: 'until [ -e go ]; do sleep 0.1; done',
};

/** Roots of terraform's own resources: nothing to download. */
function realRoots(dir: string): void {
  for (const [name, command] of Object.entries(COMMANDS)) {
    mkdirSync(join(dir, 'roots', rootName(`cluster:${name}`)), { recursive: true });
    const file = join(dir, 'roots', rootName(`cluster:${name}`), 'main.tf.json');
    const resource = {
      terraform_data: {
        first: { input: name },
        then: { input: '${terraform_data.first.output}', provisioner: [{ 'local-exec': { command } }] },
      },
    };
    writeFileSync(file, JSON.stringify({ resource }));
  }
}

const binary = terraformBinary();
if (binary !== undefined) {
  terraformContract('process', async (): Promise<TerraformUnderTest> => {
    const dir = mkdtempSync(join(tmpdir(), 'tw-runner-'));
    realRoots(dir);
    const journal = memoryJournal();
    const port = terraformRunner({
      binary: async () => binary,
      place: labPlace(dir),
      journal,
      clock: systemClock,
      env: process.env,
    });
    const folder = (root: RootId): string => join(dir, 'roots', rootName(root));
    return {
      port,
      roots: ROOTS,
      args: ['apply', '-json', '-input=false', '-auto-approve'],
      interrupts: (root) => {
        const marks = readdirSync(join(dir, 'runs', 'r1', rootName(root))).filter((f) => f.endsWith('.interrupted'));
        const state = JSON.parse(readFileSync(join(folder(root), 'terraform.tfstate'), 'utf8')) as {
          resources: { name: string; instances: { status?: string }[] }[];
        };
        // nothing is lost: the finished resource is in the state, the interrupted one is there as tainted
        expect(state.resources.map((r) => [r.name, r.instances[0]?.status])).toEqual([
          ['first', undefined],
          ['then', 'tainted'],
        ]);
        return marks.length;
      },
      letGo: (root) => writeFileSync(join(folder(root), 'go'), ''),
      close: async () => {
        const { open, intents } = openRuns(journal.read());
        expect({ open: open.filter((o) => o.ref.root !== 'cluster:slow2'), intents }).toEqual({
          open: [],
          intents: [],
        });
        rmSync(dir, { recursive: true });
      },
    };
  });
}

it.runIf(binary)('keeps stdout and stderr in 0600 files and says when nothing could be started', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-runner-'));
  realRoots(dir);
  const o = { place: labPlace(dir), journal: memoryJournal(), clock: systemClock, env: process.env };
  const good = await terraformRunner({ ...o, binary: async () => binary ?? '' }).start({
    run: 'r2',
    root: 'cluster:good',
    verb: 'plan',
    args: ['plan', '-json', '-nonsense'],
  });
  expect((await good.done).code).toBe(1);
  expect(existsSync(good.ref.eventsFile)).toBe(true);
  const missing = terraformRunner({ ...o, binary: async () => '/nonexistent/terraform' });
  await expect(missing.start({ run: 'r3', root: 'cluster:good', verb: 'plan', args: [] })).rejects.toMatchObject({
    code: 'TW2107',
  });
  expect(openRuns(o.journal.read())).toEqual({ open: [], intents: [] });
  rmSync(dir, { recursive: true });
});

it('tells a reused pid from the run', () => {
  expect(startOf(process.pid)).toMatch(/^\d+$/);
  expect(startOf(2 ** 22 - 1)).toBeUndefined();
});

it('drops what would bend a run and the identities of the caller where the place brings its own', () => {
  const caller = {
    PATH: '/bin',
    TF_CLI_ARGS_plan: '-target=a',
    TF_VAR_x: '1',
    TF_LOG: 'trace',
    TF_WORKSPACE: 'w',
    AWS_SESSION_TOKEN: 's',
  };
  expect(terraformEnv(caller, { AWS_ACCESS_KEY_ID: 'k' })).toEqual({
    PATH: '/bin',
    AWS_ACCESS_KEY_ID: 'k',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
  });
  expect(terraformEnv(caller, {})['AWS_SESSION_TOKEN']).toBe('s');
});
