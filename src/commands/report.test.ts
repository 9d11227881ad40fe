import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import {
  fault,
  type Journal,
  type Json,
  manualClock,
  memoryJournal,
  memoryStore,
  openJournal,
  problemOf,
  type TwError,
} from '../kernel/index.ts';
import type { Context } from './context.ts';
import { redactor } from './redact.ts';
import { report } from './report.ts';
import { runJournal } from './runjournal.ts';
import { factsOf, logged } from './runlog.ts';
import { COMMANDS, isRun } from './table.ts';

const SECRETS = {
  env: 'env-s3cret/with+signs=',
  file: 'file-s3cret "quoted"\nsecond line of it',
  value: 'fair-winds',
  user: 'robot-account',
  client: 'client-secret-of-azure',
  proxy: 'connect-s3cret',
  signing: 'c2lnbmluZy1rZXktb2YtdGhlLWZsZWV0',
};

let dir: string;
let path: string | undefined;
let journal: Journal;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-report-'));
  path = process.env['PATH'];
  process.env['REPORT_TEST_REF'] = SECRETS.env;
  writeFileSync(join(dir, 'secret'), `${SECRETS.file}\n`);
  const credentials = {
    env: { AWS_REGION: 'eu-west-1', ARM_CLIENT_SECRET: SECRETS.client },
    endpoints: {},
    proxyUrl: `http://tw:${SECRETS.proxy}@127.0.0.1:4000`,
  };
  writeFileSync(join(dir, 'kubeconfig.credentials.json'), JSON.stringify(credentials));
  writeFileSync(join(dir, 'keys.json'), JSON.stringify({ values: SECRETS.signing }));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters:
  eu: { cloud: aws, region: eu-west-1 }
apps:
  shop:
    version: v1
    manifests: [k8s]
    pull:
      - { registry: a.example, username: { value: ${SECRETS.user} }, password: { value: ${SECRETS.value} } }
      - { registry: b.example, username: { value: ${SECRETS.user} }, password: { env: REPORT_TEST_REF } }
      - { registry: c.example, username: { value: ${SECRETS.user} }, password: { file: ${join(dir, 'secret')} } }
`,
  );
  mkdirSync(join(dir, 'k8s'));
  journal = memoryJournal();
});
afterEach(() => {
  delete process.env['REPORT_TEST_REF'];
  process.env['PATH'] = path;
  rmSync(dir, { recursive: true, force: true });
});

const context = (run = 'R1', stateDir = dir, configFile = 'tradewind.yaml'): Context => {
  const own = runJournal(journal, run);
  return {
    cwd: dir,
    stateDir,
    clock: manualClock(1000),
    journal: () => own,
    book: () => memoryStore(),
    config: () => loadConfig(join(dir, configFile)),
    engine: () => Promise.reject(new Error('no engine')),
    sandbox: () => Promise.reject(new Error('no sandbox')),
    close: async () => undefined,
  };
};
const done = { data: null, view: { at: 0, rows: [] } };
const io = { out: () => undefined, machine: true };

async function bundle(args = {}): Promise<{ text: string; lines: Record<string, Json>[]; path: string }> {
  const { data } = await report(context(), args, io);
  const file = (data as { path: string }).path;
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n').filter((l) => l !== '');
  return { text, path: file, lines: lines.map((l) => JSON.parse(l) as Record<string, Json>) };
}

describe('run log', () => {
  it('start, parts and end carry the run; secrets of the arguments do not get into the journal', async () => {
    const c = context();
    const args = { app: 'shop', argv: ['env', `X=${SECRETS.value}`, '--password', 'hunter22'] };
    await logged(c, { verb: 'exec', args }, async () => {
      c.journal().append({ kind: 'infra.state', run: 'T1', cluster: 'eu', data: { state: 'applying' } });
      c.journal().append({ kind: 'infra.state', run: 'T1', cluster: 'eu', data: { state: 'applied' } });
      c.journal().append({ kind: 'fleet.identity', data: { uid: 'u' } });
      return { ...done, exit: 4, problem: fault('TW2102').problem, warnings: [fault('TW3030').problem] };
    });
    journal.append({ kind: 'infra.state', run: 'T2', data: {} });
    const facts = factsOf(journal, 'R1');
    expect(facts.map((f) => `${f.run} ${f.kind}`)).toEqual([
      'R1 command.start',
      'R1 command.part',
      'T1 infra.state',
      'T1 infra.state',
      'R1 fleet.identity',
      'R1 command.end',
    ]);
    expect(facts[0]?.data).toMatchObject({ verb: 'exec', args: { app: 'shop' } });
    expect(JSON.stringify(facts)).not.toMatch(/fair-winds|hunter22/);
    expect(facts.at(-1)?.data).toMatchObject({ exit: 4, problems: ['TW2102', 'TW3030'] });
  });

  it('a failure ends the run with its code and goes on; a journal that breaks does not hide it', async () => {
    const fail = (): Promise<never> => Promise.reject(fault('TW6201', { value: 'x' }));
    await expect(logged(context(), { verb: 'up', args: {} }, fail)).rejects.toThrow(/TW6201/);
    expect(journal.read({ kind: 'command.end' })[0]?.data).toMatchObject({ exit: 7, problems: ['TW6201'] });
    const db = openJournal(join(dir, 'journal.db'));
    const c = { ...context(), journal: () => db };
    const broken = (): Promise<never> => {
      db.close();
      return fail();
    };
    await expect(logged(c, { verb: 'up', args: {} }, broken)).rejects.toThrow(/TW6201/);
  });

  it('a bug of ours names its run and the file of it, thrown or told; another failure stays as it is', async () => {
    const bug = (): Promise<never> => Promise.reject(new TypeError('x is not a function'));
    const where = [{ resource: 'run R1', file: join(dir, 'journal.db') }];
    const fix = [{ command: 'tw report --run R1' }];
    const thrown = (await logged(context(), { verb: 'up', args: {} }, bug).catch((e: unknown) => e)) as TwError;
    expect(thrown.problem).toMatchObject({ code: 'TW8999', where, fix });
    expect(String(thrown.cause)).toContain('x is not a function');
    const problem = problemOf(new TypeError('y'));
    const ended = await logged(context('R2'), { verb: 'up', args: {} }, async () => ({ ...done, problem }));
    expect(ended.problem).toMatchObject({ code: 'TW8999', fix: [{ command: 'tw report --run R2' }] });
    const own = fault('TW6201');
    expect(await logged(context(), { verb: 'up', args: {} }, () => Promise.reject(own)).catch((e) => e)).toBe(own);
    expect((await bundle({ run: 'R1' })).text).toContain('TW8999');
  });

  it('a folder that is no project gets no journal', async () => {
    const nowhere = join(dir, 'nowhere');
    await logged(context('R1', nowhere, 'absent.yaml'), { verb: 'drain', args: {} }, async () => done);
    expect(existsSync(nowhere)).toBe(false);
    expect(journal.read()).toEqual([]);
  });

  it('exactly the changing verbs are runs', () => {
    expect(COMMANDS.map((c) => c.verb).filter(isRun)).toEqual([
      'up',
      'down',
      'resume',
      'release',
      'promote',
      'pause',
      'abort',
      'rollback',
      'adopt',
      'retire',
      'coordination recover',
      'state move',
      'state add-voter',
      'state promote',
      'state backup',
      'state restore',
      'freeze',
      'cancel',
      'incident start',
      'drain',
      'undrain',
      'exec',
      'server install',
      'server remove',
      'sandbox up',
      'sandbox down',
      'sandbox chaos',
    ]);
  });
});

describe('report', () => {
  it('bundles the last run, readable by the owner only, with no secret in any shape', async () => {
    await logged(context('R0'), { verb: 'up', args: {} }, async () => done);
    const c = context();
    await logged(c, { verb: 'up', args: { yes: true } }, async () => {
      for (const s of Object.values(SECRETS)) {
        const said = Buffer.from(s).toString('base64');
        const data = { why: [`denied: ${s}`, `b64 ${said}`, encodeURIComponent(s), JSON.stringify({ s })], [s]: s };
        c.journal().append({ kind: 'infra.error', run: 'T1', cluster: 'eu', data });
      }
      return done;
    });
    const { text, lines, path } = await bundle();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(path).toBe(join(dir, 'reports', 'R1.ndjson'));
    expect(lines[0]).toMatchObject({ line: 'report', run: 'R1', ended: true });
    expect(lines[1]).toMatchObject({ versions: { node: process.versions.node } });
    expect(lines[2]).toMatchObject({ config: { value: { fleet: 'shop', clusters: [{ name: 'eu' }] } } });
    expect(lines.filter((l) => l['line'] === 'fact')).toHaveLength(3 + Object.keys(SECRETS).length);
    for (const s of Object.values(SECRETS).flatMap((v) => v.split('\n'))) {
      const shapes = [s, encodeURIComponent(s), JSON.stringify(s).slice(1, -1), Buffer.from(s).toString('base64')];
      for (const shape of shapes) expect(text.includes(shape), shape).toBe(false);
    }
    // What is no secret is still there to read.
    expect(text).toContain('eu-west-1');
    expect(text).toContain('REPORT_TEST_REF');
  });

  it('versions are what the programs say; a program that is missing is named', async () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'tofu'), '#!/bin/sh\necho \'{"terraform_version":"1.10.3"}\'\n');
    chmodSync(join(bin, 'tofu'), 0o755);
    process.env['PATH'] = `${bin}:/bin-that-is-not`;
    await logged(context(), { verb: 'up', args: {} }, async () => done);
    const { lines } = await bundle();
    const terraform = process.env['TW_TERRAFORM'] === undefined ? { name: 'tofu' } : {};
    expect(lines[1]).toMatchObject({ versions: { terraform, kubectl: { missing: ['kubectl: ENOENT'] } } });
  });

  it('a run that was killed has no end, and is told so; an older one goes by its id', async () => {
    await logged(context('R0'), { verb: 'drain', args: {} }, async () => done);
    runJournal(journal, 'R9').append({ kind: 'command.start', data: { verb: 'up' } });
    expect((await bundle()).lines[0]).toMatchObject({ run: 'R9', ended: false });
    expect((await bundle({ run: 'R0' })).lines[0]).toMatchObject({ run: 'R0', ended: true });
    await expect(bundle({ run: 'nope' })).rejects.toThrow(/TW6011.*R0, R9/);
  });
});

describe('redaction', () => {
  it('by pattern, where no value is known', () => {
    const r = redactor([]);
    expect(r.text('curl -H "Authorization: Bearer abcdef.123456" https://bob:pw@h/x?token=abc&a=1')).toBe(
      'curl -H "Authorization: (redacted) (redacted)" https://bob:(redacted)@h/x?token=(redacted)&a=1',
    );
    expect(r.text('k8s-aws-v1.aHR0cHM6Ly9 and eyJhbGciOiJ9.eyJzdWIiOiIx.sig')).toBe('(redacted) and (redacted)');
    expect(r.json({ kind: 'Secret', data: { a: 'b' } })).toEqual({ kind: 'Secret', data: { a: '(redacted)' } });
    expect(r.json([{ name: 'DB_PASSWORD', value: 'x' }])).toEqual([{ name: 'DB_PASSWORD', value: '(redacted)' }]);
    expect(r.json({ kind: 'infra.state', data: { root: 'cluster:eu', ms: 12 } })).toEqual({
      kind: 'infra.state',
      data: { root: 'cluster:eu', ms: 12 },
    });
  });

  it('no known value is left anywhere in any document', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, unit: 'grapheme-ascii' }), fc.jsonValue(), (secret, around) => {
        fc.pre(!'(redacted)'.includes(secret) && !/redacted/.test(secret));
        const r = redactor([secret]);
        const out: string[] = [];
        const walk = (v: unknown): void => {
          if (typeof v === 'string') out.push(v);
          if (typeof v !== 'object' || v === null) return;
          out.push(...Object.keys(v));
          for (const x of Object.values(v)) walk(x);
        };
        walk(r.json({ a: around as Json, b: `x${secret}y`, [`k${secret}`]: [secret] }));
        for (const s of out) expect(s.replaceAll('(redacted)', '\n').includes(secret)).toBe(false);
      }),
    );
  });
});
