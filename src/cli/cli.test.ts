import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../commands/index.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
let dir: string;

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}
interface Doc {
  apiVersion: string;
  kind: string;
  data?: object;
  problem?: {
    code: string;
    value?: string;
    why: string[];
    where: { path?: string; line?: number; column?: number }[];
    exit: number;
  };
  meta: { verb: string };
}

function tw(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const clean = { PATH: process.env['PATH'], HOME: dir, CI: 'true', TW_STATE_DIR: join(dir, 's'), ...env };
  const child = spawn(join(ROOT, 'tw'), args, { cwd: dir, env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const out = { stdout: '', stderr: '' };
  child.stdout.on('data', (b: Buffer) => (out.stdout += b.toString()));
  child.stderr.on('data', (b: Buffer) => (out.stderr += b.toString()));
  return new Promise((done) => child.on('close', (code) => done({ code, ...out })));
}

/** Exactly one JSON document, and the exit code it promises. */
function documentOf(ran: Ran, what: string): Doc {
  expect(ran.stdout, `${what}: ${ran.stderr}`).not.toBe('');
  const doc = JSON.parse(ran.stdout) as Doc;
  expect(doc.apiVersion, what).toBe('tradewind/v1');
  if (doc.problem !== undefined) expect(ran.code, what).toBe(doc.problem.exit);
  return doc;
}

/** Arguments that a verb takes, so that it fails or succeeds by itself and not at its door. */
const POSITIONS: Readonly<Record<string, readonly string[]>> = {
  why: ['198.19.101.2'],
  drain: ['eu'],
  undrain: ['eu'],
  exec: ['web', '--', 'true'],
  explain: ['TW2102'],
  completion: ['bash'],
  'sandbox chaos': ['kill', 'cluster:eu'],
  'sandbox enter': ['operator', '--', 'true'],
  'sandbox visit': ['--from', 'eu'],
  init: ['--fleet', 'shop', '--cluster', 'eu=aws/eu-west-1', '--manifests', './k8s', '--yes'],
};
const argvOf = (verb: string, ...flags: string[]): string[] => [
  ...verb.split(' '),
  ...flags,
  ...(POSITIONS[verb] ?? []),
];
/** A script for a shell is no document. */
const VERBS = COMMANDS.map((c) => c.verb).filter((v) => v !== 'completion');

const CONFIG = `export default {
  fleet: 'shop',
  dns: { zone: 'shop.example' },
  clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
  apps: { web: { manifests: ['./k8s'] } },
};
`;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-cli-'));
  mkdirSync(join(dir, 's'));
  writeFileSync(join(dir, 'good.config.ts'), CONFIG);
  // What an earlier "up --sandbox" remembers: every verb is for a sandbox, and none runs.
  const project = { config: join(dir, 'good.config.ts'), place: 'sandbox' };
  writeFileSync(join(dir, 's', 'project.json'), JSON.stringify(project));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('one document on stdout, whatever happens', () => {
  // A server does not end, and nobody has started one.
  it.concurrent.each(VERBS.filter((v) => v !== 'serve'))(
    'tw %s -o json',
    async (verb) => {
      // Too long a folder stops a sandbox before it starts.
      const env = verb === 'sandbox up' ? { TW_SANDBOX_DIR: join(dir, 'x'.repeat(120)) } : {};
      const doc = documentOf(await tw(argvOf(verb, '-o', 'json'), env), verb);
      if (doc.problem === undefined) expect(doc.kind, verb).toBe(COMMANDS.find((c) => c.verb === verb)?.result);
      else expect(doc.problem.code, JSON.stringify(doc.problem)).not.toMatch(/^TW8(?!014$)/);
    },
    60_000,
  );

  it.concurrent.each(VERBS)(
    'tw %s with a flag it does not know',
    async (verb) => {
      const ran = await tw(argvOf(verb, '-o', 'json', '--nope'));
      const doc = documentOf(ran, verb);
      expect([doc.kind, doc.problem?.code, ran.code], verb).toEqual(['Problem', 'TW6002', 2]);
      expect(doc.problem?.why.join()).toContain('--nope');
    },
    60_000,
  );

  it.each([['frob'], ['sandbox', 'frob'], ['upp']])('an unknown verb: tw %s %s', async (...words) => {
    const ran = await tw([...words, '-o', 'json']);
    const doc = documentOf(ran, words.join(' '));
    expect([doc.problem?.code, doc.problem?.value, ran.code]).toEqual(['TW6001', words.join(' '), 2]);
  });

  it.concurrent.each([['json'], ['yaml']])('a missing argument, as %s', async (format) => {
    const ran = await tw(['why', '-o', format]);
    expect(ran.code).toBe(2);
    expect(ran.stdout).toMatch(format === 'json' ? /^\{/ : /^apiVersion: tradewind\/v1\n/);
    expect(ran.stdout).toContain('TW6002');
  });
});

describe('bad config', () => {
  it('all faults at once, with file, line, path and the nearest key', async () => {
    const bad = join(dir, 'bad.config.ts');
    writeFileSync(
      bad,
      `export default {
  fleet: 'shop',
  clusters: {
    eu: { cloud: 'awz', region: 'eu-west-1' },
    us: { cloud: 'gcp', regoin: 'us-east4' },
  },
  apps: { web: { manifest: './k8s' } },
};
`,
    );
    const ran = await tw(['plan', '--config', bad, '-o', 'json']);
    const doc = documentOf(ran, 'plan');
    expect([doc.problem?.code, ran.code]).toEqual(['TW1003', 2]);
    expect(doc.problem?.where.map((w) => [w.path, w.line, w.column])).toEqual([
      ['clusters.eu.cloud', 4, 18],
      ['clusters.us.region', 5, 5],
      ['clusters.us.regoin', 5, 25],
      ['apps.web.manifests', 7, 11],
      ['apps.web.manifest', 7, 18],
    ]);
    const told = await tw(['plan', '--config', bad]);
    expect(told.stderr).toContain(`
  where: ${bad}:5:25 clusters.us.regoin: unknown key "regoin"; did you mean "region"?
        us: { cloud: 'gcp', regoin: 'us-east4' },
                            ^^^^^^
`);
    expect(doc.problem?.why.join('\n')).toContain('did you mean "region"?');
    expect(doc.problem?.why.join('\n')).toContain('did you mean "manifests"?');
  });

  it.each([
    ['a file that is not there', 'none.config.ts', undefined, 'TW1001'],
    ['a file that does not run', 'torn.config.ts', 'export default {', 'TW1002'],
  ])('%s', async (_, name, text, code) => {
    const file = join(dir, name);
    if (text !== undefined) writeFileSync(file, text);
    const ran = await tw(['plan', '--config', file, '-o', 'json']);
    expect([documentOf(ran, name).problem?.code, ran.code]).toEqual([code, 2]);
  });
});
