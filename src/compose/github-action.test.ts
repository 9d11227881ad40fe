import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveIn } from '../chat/testing/github-markdown.ts';
import { GithubServer } from '../chat/testing/github-server.ts';

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');
const EVENTS = resolve(import.meta.dirname, '..', 'chat', 'testing', 'events');
const PULL = 'acme/shop#12';

/** A CLI that says how it was called, tries to command the runner, and answers with a recorded document. */
const CLI = `
import { appendFileSync, readFileSync } from 'node:fs';
appendFileSync('calls', JSON.stringify({ argv: process.argv.slice(2), token: process.env.TRADEWIND_TOKEN ?? null }) + '\\n');
process.stderr.write('::add-mask::x\\n');
if (process.env.STOP !== undefined) await new Promise((go) => setTimeout(go, 20000));
process.stdout.write(readFileSync('answer.json', 'utf8'));
process.exitCode = Number(readFileSync('exit', 'utf8'));
`;
const DRIVER = `
import { githubAction } from ${JSON.stringify(resolve(import.meta.dirname, 'github-action.ts'))};
const stop = process.env.STOP === undefined ? new AbortController().signal : AbortSignal.timeout(1000);
const say = (line) => void process.stdout.write(line + '\\n');
const engine = () => { throw new Error('no engine'); };
const deps = { env: process.env, cwd: process.cwd(), cli: process.argv[2], engine, say, signal: stop };
process.exitCode = await githubAction(deps).catch((e) => { say(e.problem.code + ' ' + e.problem.why.join('; ')); return e.problem.exit; });
`;

const ADDRESS = 'module.this.aws_vpc.main["@acme/ops #12"]';
const answer = (more: object = {}, changes = 2) => ({
  kind: 'Plan',
  data: {
    id: 'p-0123456789ab',
    changes: { infra: changes, fleet: 0, traffic: 0, total: changes },
    roots: [{ root: 'cluster:eu', kind: 'planned', changes: [{ address: ADDRESS, action: 'create' }] }],
    clusters: [
      {
        name: 'eu',
        skipped: null,
        apps: [{ name: 'shop', ops: [{ kind: 'update', object: 'Secret/key', refused: null }] }],
      },
    ],
    traffic: null,
  },
  ...more,
});

let dir = '';
let github: GithubServer;
let api = '';
/** The newest commit of the recorded pull request. */
const HEAD = 'b'.repeat(40);
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-action-'));
  mkdirSync(join(dir, 'work'));
  for (const [name, text] of [
    ['cli.mjs', CLI],
    ['driver.mjs', DRIVER],
  ] as const)
    writeFileSync(join(dir, name), text);
  github = new GithubServer();
  api = await github.start();
  github.pulls.set(PULL, HEAD);
  tells(answer());
});
afterEach(async () => {
  await github.stop();
  rmSync(dir, { recursive: true, force: true });
});

const work = (...path: string[]): string => join(dir, 'work', ...path);
function tells(document: object | string, exit = 0): void {
  writeFileSync(work('answer.json'), typeof document === 'string' ? document : JSON.stringify(document));
  writeFileSync(work('exit'), String(exit));
}
const calls = (): { argv: string[]; token: string | null }[] =>
  existsSync(work('calls'))
    ? readFileSync(work('calls'), 'utf8')
        .trim()
        .split('\n')
        .map((l) => JSON.parse(l) as { argv: string[]; token: string | null })
    : [];

/** One step of a workflow: an event as it was recorded, changed a little. */
async function step(
  event: string,
  change: (payload: Record<string, never>) => void,
  o: { env?: Record<string, string>; real?: true } = {},
) {
  const payload = JSON.parse(readFileSync(join(EVENTS, `${event.replace('_target', '')}.json`), 'utf8')) as Record<
    string,
    never
  >;
  change(payload);
  writeFileSync(join(dir, 'event.json'), JSON.stringify(payload));
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    GITHUB_EVENT_NAME: event,
    GITHUB_EVENT_PATH: join(dir, 'event.json'),
    GITHUB_REPOSITORY: 'acme/shop',
    GITHUB_API_URL: api,
    GITHUB_SHA: 'd'.repeat(40),
    GITHUB_WORKSPACE: work(),
    GITHUB_STEP_SUMMARY: join(dir, 'summary.md'),
    RUNNER_ENVIRONMENT: 'self-hosted',
    TRADEWIND_TOKEN: github.workflowToken(),
    TW_STATE_DIR: join(dir, 'state'),
    ...o.env,
  };
  const argv = o.real === true ? [TW, 'github-action'] : [join(dir, 'driver.mjs'), join(dir, 'cli.mjs')];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...argv], { cwd: work(), env });
  let log = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (log += d.toString()));
  const exit = await new Promise<number | null>((go) => child.on('close', go));
  expect(existsSync(work('pwned'))).toBe(false);
  const summary = existsSync(join(dir, 'summary.md')) ? readFileSync(join(dir, 'summary.md'), 'utf8') : '';
  return { exit, log, summary };
}
const asIs = (): void => undefined;

/** A repository whose commit is the one of the event. */
function committed(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: work(), encoding: 'utf8' }).trim();
  git('init', '-q');
  git('-c', 'user.name=t', '-c', 'user.email=t@t.example', 'commit', '-q', '--allow-empty', '-m', 'x');
  return git('rev-parse', 'HEAD');
}

describe('a pull request', () => {
  it('gets its plan as one comment, edited on each push; the run is green, also with changes', async () => {
    const first = await step('pull_request', asIs);
    expect([first.exit, calls()]).toEqual([0, [{ argv: ['plan', '-o', 'json'], token: null }]]);
    expect(github.shown(PULL)).toContain('Plan p-0123456789ab: 2 in the clouds');
    expect(github.shown(PULL)).toContain(`+ ${ADDRESS}`);
    tells(answer({}, 0));
    expect((await step('pull_request', asIs)).exit).toBe(0);
    expect(github.cards(PULL)).toHaveLength(1);
    expect(github.shown(PULL)).toContain('No change');
    expect(github.live(PULL)).toEqual([]);
    expect(liveIn(first.summary)).toEqual([]);
  });

  it('a plan that fails is a red run, and says so in the same comment', async () => {
    await step('pull_request', asIs);
    tells(
      {
        kind: 'Problem',
        problem: { code: 'TW2201', title: 'credentials are refused @acme/ops', value: 'secret', why: ['secret'] },
      },
      1,
    );
    const { exit, summary } = await step('pull_request', asIs);
    expect(exit).toBe(1);
    expect(github.cards(PULL)).toHaveLength(1);
    expect(github.shown(PULL)).toContain('TW2201');
    expect(github.cards(PULL)[0]?.body).not.toContain('secret');
    expect(summary).toContain('TW2201');
    tells('no document', 1);
    expect((await step('pull_request', asIs)).exit).toBe(1);
    expect(github.shown(PULL)).toContain('the log of the run says why');
  });

  const check = () =>
    github.checks.all.map((c) => `${c.head_sha.slice(0, 4)} ${c.name}: ${c.conclusion ?? c.status}: ${c.output.title}`);
  const RUN = { GITHUB_SERVER_URL: 'https://github.test', GITHUB_RUN_ID: '99' };

  it.each([
    ['a plan', answer(), 0, 'success: 2 in the clouds, 0 in the clusters, 0 in DNS'],
    ['no change', answer({}, 0), 0, 'neutral: no change'],
    [
      'deletions that are held back',
      answer({ problem: { code: 'TW3030', title: 'too many' } }),
      4,
      'action_required: deletes more than a plan may without a word',
    ],
    [
      'no plan',
      { problem: { code: 'TW2201', title: 'credentials are refused' } },
      4,
      'failure: no plan: TW2201 credentials are refused',
    ],
    ['nothing that can be read', 'panic', 1, 'failure: no plan: the log of the run says why'],
  ])('is a check of its newest commit: %s', async (_, document, exit, said) => {
    tells(document, exit);
    expect((await step('pull_request', asIs, { env: RUN })).exit).toBe(exit);
    expect(check()).toEqual([`bbbb tradewind plan: ${said}`]);
    const [{ details_url, output } = { details_url: '', output: { summary: '' } }] = github.checks.all;
    expect(details_url).toBe('https://github.test/acme/shop/actions/runs/99');
    expect([output.summary.includes('<!--'), liveIn(output.summary)]).toEqual([false, []]);
  });

  it('a job that died leaves an open check: the next run ends that one; run again, the end stays and a new one comes', async () => {
    const external_id = `plan  ${HEAD}`;
    github.checks.forge({ app: github.app, head_sha: HEAD, name: 'tradewind plan', external_id });
    await step('pull_request', asIs);
    expect(check()).toEqual([expect.stringContaining('success')]);
    tells(answer({}, 0));
    await step('pull_request', asIs);
    expect(check()).toEqual([expect.stringContaining('success'), expect.stringContaining('neutral')]);
  });

  it('a run that is stopped, as by a newer push, leaves no open check and says nothing bad of the commit', async () => {
    await step('pull_request', asIs, { env: { STOP: '1' } });
    expect(check()).toEqual(['bbbb tradewind plan: neutral: was stopped']);
  });

  it('a job that may not: the comment is there, the run is as green as it was, the right is named', async () => {
    github.checks.may = false;
    const { exit, log } = await step('pull_request', asIs);
    expect([exit, github.cards(PULL).length, log.includes('give the job checks: write')]).toEqual([0, 1, true]);
    expect(log.match(/checks: write/g)).toHaveLength(1);
  });

  it('two fleets of a repository have a comment each; a person who copies one keeps their own', async () => {
    await step('pull_request', asIs, { env: { TRADEWIND_CONFIG: 'a/tradewind.yaml' } });
    github.write({ room: PULL, body: github.cards(PULL)[0]?.body ?? '', user: { id: 666, type: 'User' } });
    await step('pull_request', asIs, { env: { TRADEWIND_CONFIG: 'b/tradewind.yaml' } });
    await step('pull_request', asIs, { env: { TRADEWIND_CONFIG: 'a/tradewind.yaml' } });
    expect(github.cards(PULL)).toHaveLength(2);
    expect(calls()[0]?.argv).toEqual(['plan', '--config', 'a/tradewind.yaml', '-o', 'json']);
  });

  it.each([
    [
      'another repository',
      (p: { pull_request: { head: { repo: object | null } } }) =>
        void (p.pull_request.head.repo = { full_name: 'eve/shop' }),
    ],
    [
      'a repository that was deleted',
      (p: { pull_request: { head: { repo: object | null } } }) => void (p.pull_request.head.repo = null),
    ],
    [
      'no repository that is told',
      (p: { pull_request: { head: { repo: object | null } } }) =>
        void Object.assign(p, { repository: {}, pull_request: { head: {} } }),
    ],
  ])('from a fork gets no plan, and nothing runs: %s', async (_, change) => {
    const { exit, summary } = await step('pull_request', change as never, {
      env: { RUNNER_ENVIRONMENT: 'github-hosted' },
    });
    expect([exit, calls(), github.comments]).toEqual([0, [], []]);
    expect(summary).toContain('from a fork gets no plan');
  });

  it('closed: nothing; pull_request_target, a hosted runner, a folder of the workspace: refused before anything runs', async () => {
    expect((await step('pull_request', (p) => void Object.assign(p, { action: 'closed' }))).exit).toBe(0);
    for (const [event, env] of [
      ['pull_request_target', {}],
      ['pull_request', { RUNNER_ENVIRONMENT: 'github-hosted' }],
      ['pull_request', { TW_STATE_DIR: '' }],
      ['pull_request', { TW_STATE_DIR: 'state' }],
      ['pull_request', { TW_STATE_DIR: work('state') }],
      ['workflow_dispatch', {}],
      ['toString', {}],
    ] as const) {
      const payload = event === 'pull_request' || event === 'pull_request_target' ? event : 'push';
      const { exit, log } = await step(payload, asIs, { env: { ...env, GITHUB_EVENT_NAME: event } });
      expect([exit, log.includes('TW6404')], event).toEqual([2, true]);
    }
    expect(calls()).toEqual([]);
  });

  it('a token that may not comment: the plan stands in the summary, and the right that is missing is named', async () => {
    github.broken = 'forbidden';
    const { exit, log, summary } = await step('pull_request', asIs);
    expect([exit, log.includes('TW6404'), summary.includes('Plan')]).toEqual([2, true, true]);
  });

  it('what the CLI prints cannot command the runner', async () => {
    const { log } = await step('pull_request', asIs);
    const [key] = /::stop-commands::(\S+)/.exec(log)?.slice(1) ?? [];
    const between = log.slice(log.indexOf('::stop-commands::'), log.indexOf(`\n::${key}::`));
    expect(between).toContain('::add-mask::x');
  });
});

describe('a push', () => {
  it('to the default branch builds the fleet, at the commit that stands there', async () => {
    const sha = committed();
    github.refs.set('heads/main', sha);
    tells({ kind: 'Up', data: {} });
    const { exit, summary } = await step('push', asIs, { env: { GITHUB_SHA: sha } });
    expect([exit, calls().map((c) => c.argv)]).toEqual([0, [['up', '--yes', '-o', 'json']]]);
    expect(summary).toContain('is done');
    tells({ kind: 'Up', data: {}, problem: { code: 'TW2301', title: 'no quota' } }, 4);
    const failed = await step('push', asIs, { env: { GITHUB_SHA: sha } });
    expect([failed.exit, failed.summary.includes('TW2301 no quota')]).toEqual([4, true]);
  });

  it('of another branch, a tag, a deleted branch: nothing; an old run, another commit in the folder: not built', async () => {
    const sha = committed();
    for (const change of [{ ref: 'refs/heads/topic' }, { ref: 'refs/tags/main' }, { deleted: true }])
      expect((await step('push', (p) => void Object.assign(p, change), { env: { GITHUB_SHA: sha } })).exit).toBe(0);
    github.refs.set('heads/main', 'e'.repeat(40));
    const old = await step('push', asIs, { env: { GITHUB_SHA: sha } });
    expect([old.exit, old.summary.includes('a newer commit')]).toEqual([0, true]);
    const other = await step('push', asIs);
    expect([other.exit, other.log.includes('not the commit of this event')]).toEqual([2, true]);
    expect(calls()).toEqual([]);
  });
});

describe('a comment', () => {
  const config = (): void =>
    writeFileSync(
      work('tradewind.yaml'),
      `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
apps: { shop: { manifests: [k8s] } }
people: { ana: { accounts: ["github:127.0.0.1:101"] } }
rights: [{ who: [ana], may: [look, safe, rule] }]
`,
    );
  const now =
    (more: object = {}, sender: object = {}) =>
    (p: Record<string, object>) => {
      p['comment'] = { ...p['comment'], created_at: new Date().toISOString(), ...more };
      p['sender'] = { ...p['sender'], ...sender };
    };

  it('is run with the rights of who wrote it, once; a stranger is told; nobody else is heard', async () => {
    config();
    mkdirSync(work('k8s'));
    const o = { env: { GITHUB_SHA: committed() }, real: true } as const;
    const done = await step('issue_comment', now(), o);
    expect([done.exit, done.log]).toEqual([0, 'freeze: ended\n']);
    expect(github.shown(PULL)).toContain('freeze f1');
    const again = await step('issue_comment', now(), o);
    expect([again.exit, again.summary.includes('no new command of a person')]).toEqual([0, true]);
    const eve = { id: 666, login: 'eve', type: 'User' };
    const stranger = await step('issue_comment', now({ id: 2, user: eve, body: '/tw unfreeze' }, eve), o);
    expect([stranger.exit, github.shown(PULL).includes('TW6301')]).toEqual([3, true]);
    for (const change of [
      now({ id: 3, performed_via_github_app: { id: 1 } }),
      now({ id: 4 }, { type: 'Bot' }),
      now({ id: 5, body: '> /tw unfreeze' }),
      (p: Record<string, unknown>) => void (p['action'] = 'edited'),
    ])
      expect((await step('issue_comment', change as never, o)).exit).toBe(0);
    const late = await step(
      'issue_comment',
      now({ id: 6, created_at: '2026-01-01T00:00:00Z', body: '/tw up' }) as never,
      o,
    );
    expect([late.exit, github.shown(PULL).includes('TW6402')]).toEqual([2, true]);
    expect(github.cards(PULL)).toHaveLength(3);
    expect(github.live(PULL)).toEqual([]);
  }, 120_000);

  it('what one run asks for another one approves: all of them share the folder', async () => {
    config();
    const rules = `rights: [{ who: [ana, bo], may: [look, safe, forward, rule, approve] }]\napprovals: [{ quorum: 1 }]\n`;
    const file = readFileSync(work('tradewind.yaml'), 'utf8').replace(/rights:.*\n/, rules);
    writeFileSync(
      work('tradewind.yaml'),
      file.replace('people: { ', 'people: { bo: { accounts: ["github:127.0.0.1:102"] }, '),
    );
    mkdirSync(work('k8s'));
    const o = { env: { GITHUB_SHA: committed() }, real: true } as const;
    let id = 10;
    const says = (who: number, body: string) => {
      const user = { id: who, login: 'x', type: 'User' };
      return step('issue_comment', now({ id: ++id, user, body }, user) as never, o);
    };
    expect((await says(101, '/tw resume')).log).toContain('TW6110');
    const [line = ''] = /\/tw approve a-[0-9a-f]{12}/.exec(github.shown(PULL)) ?? [];
    expect((await says(101, line)).log).toContain('TW6111');
    expect((await says(102, line)).exit).toBe(0);
    expect((await says(101, '/tw resume')).log).not.toContain('TW61');
  }, 120_000);

  it('the code of the pull request is never what runs', async () => {
    config();
    committed();
    const { exit, log } = await step('issue_comment', now() as never, { real: true });
    expect([exit, log.includes('TW6404'), github.cards(PULL)]).toEqual([2, true, []]);
  });
});
