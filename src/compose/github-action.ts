import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { githubTransport } from '../chat/adapters/github.ts';
import { type Check, keepCheck } from '../chat/adapters/github-checks.ts';
import { githubClient, githubFault } from '../chat/adapters/github-client.ts';
import { keepComment } from '../chat/adapters/github-comments.ts';
import type { CommentEvent } from '../chat/adapters/github-event.ts';
import {
  type CiEvent,
  ciStep,
  endMessage,
  type PlanDocument,
  planBody,
  planEnd,
  planMarker,
  planMessage,
  runOne,
} from '../chat/index.ts';
import type { Context, Invocation } from '../commands/index.ts';
import { causes, fault } from '../kernel/index.ts';
import { gateOf } from './chat.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface ActionDeps {
  env: Env;
  /** Where the repository is checked out. */
  cwd: string;
  /** The CLI that plans and builds. */
  cli: string;
  /** A context for each command. */
  engine: (call: Invocation) => Context;
  /** A line of the log of the job. */
  say: (line: string) => void;
  signal: AbortSignal;
}

/** What a runner tells of the job, and what the workflow wrote below `with:`. */
interface Job extends ActionDeps {
  payload: CiEvent['payload'] & CommentEvent;
  repository: string;
  api: string;
  token: string;
  config: string;
  slash: string;
}

const run = promisify(execFile);

function needed(env: Env, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  throw fault('TW6404', { value: name, why: ['the variable is not set: this runs as a step of a GitHub workflow'] });
}

function payloadOf(path: string): Job['payload'] {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Job['payload'];
  } catch (cause) {
    throw fault('TW6404', { value: path, why: ['the event cannot be read'], cause });
  }
}

const jobOf = (d: ActionDeps): Job => ({
  ...d,
  payload: payloadOf(needed(d.env, 'GITHUB_EVENT_PATH')),
  repository: needed(d.env, 'GITHUB_REPOSITORY'),
  api: d.env['GITHUB_API_URL'] ?? 'https://api.github.com',
  token: needed(d.env, 'TRADEWIND_TOKEN'),
  config: d.env['TRADEWIND_CONFIG'] ?? '',
  slash: d.env['TRADEWIND_SLASH'] || '/tw',
});

const webOf = (j: Job) => githubClient({ api: j.api, account: { token: j.token }, paced: false });

function ownerOf(repository: string): { owner: string; repo: string } {
  const [owner = '', repo = ''] = repository.split('/');
  return { owner, repo };
}

/** Shown on the page of the run; a file, so no word in it can be a command to the runner. */
function summary(j: Job, text: string): void {
  const file = j.env['GITHUB_STEP_SUMMARY'];
  if (file !== undefined && file !== '') appendFileSync(file, `${text}\n`);
}

/** The folder must outlive the job, and a checkout empties the workspace. */
function stateOf({ env, cwd }: ActionDeps): string {
  const [state, workspace] = [env['TW_STATE_DIR'] ?? '', env['GITHUB_WORKSPACE'] ?? cwd];
  const inside = state !== '' && isAbsolute(state) && !relative(workspace, state).startsWith('..');
  return isAbsolute(state) && !inside ? state : '';
}

/** The code that runs must be the commit that GitHub names: never what a comment is about. */
async function checkCommit(j: Job): Promise<void> {
  const sha = needed(j.env, 'GITHUB_SHA');
  const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: j.cwd }).catch(() => ({ stdout: '' }));
  if (stdout.trim() === sha) return;
  throw fault('TW6404', {
    value: sha,
    why: [`the folder holds ${stdout.trim() || 'no commit'}, not the commit of this event`],
    fix: [{ say: 'Check out without `ref`, before this step.' }],
  });
}

interface Ended {
  document: PlanDocument;
  exit: number;
}

/** The CLI itself. What it prints cannot be a command to the runner, and it does not get the token. */
async function tw(j: Job, args: readonly string[]): Promise<Ended> {
  const { TRADEWIND_TOKEN: _, ...env } = j.env;
  const config = j.config === '' ? [] : ['--config', j.config];
  const key = randomUUID();
  j.say(`::stop-commands::${key}`);
  const argv = [j.cli, ...args, ...config, '-o', 'json'];
  // Both streams in one: what it tells stays between the two lines that stop commands.
  const child = spawn(process.execPath, argv, { cwd: j.cwd, env, stdio: ['ignore', 'pipe', 1] });
  const stop = (): void => void child.kill('SIGTERM');
  j.signal.addEventListener('abort', stop, { once: true });
  if (j.signal.aborted) stop();
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (s: string) => (out += s));
  const exit = await new Promise<number>((go) => {
    child.on('error', () => go(1));
    child.on('close', (code) => go(code ?? 1));
  });
  j.signal.removeEventListener('abort', stop);
  j.say(`::${key}::`);
  return { document: documentOf(out), exit };
}

function documentOf(out: string): PlanDocument {
  try {
    return JSON.parse(out) as PlanDocument;
  } catch {
    return {};
  }
}

/** GitHub does not answer, or the job may not ask. */
function refused(value: string, right: string, cause: unknown): never {
  const fix = [{ say: `Give the job \`${right}\`, or run it again when GitHub answers.` }];
  throw fault('TW6404', { value, why: causes(cause), cause, fix });
}

/** The page of this run, where the runner says it. */
function runPage({ env, repository }: Job): string | undefined {
  const { GITHUB_SERVER_URL: server = '', GITHUB_RUN_ID: id = '' } = env;
  return server === '' || id === '' ? undefined : `${server}/${repository}/actions/runs/${id}`;
}

type Said = Pick<Check, 'state' | 'title' | 'summary'>;
const CHECK_TRIES = 3;
const AGAIN_MS = 2000;

/**
 * The check of the plan, on the newest commit of the pull request. Run again it is the same one, also after a job that
 * died; where it cannot be shown the log says so and the run goes on.
 */
function planCheck(j: Job, sha: string): (said: Said) => Promise<void> {
  const web = webOf(j);
  const name = j.config === '' ? 'tradewind plan' : `tradewind plan (${j.config})`;
  const base = { sha, name, external: `plan ${j.config} ${sha}`, app: undefined, details: runPage(j) };
  let known: Awaited<ReturnType<typeof keepCheck>> | undefined;
  let refused = sha === '';
  return async (said) => {
    for (let n = 1; !refused; n++) {
      try {
        known = await keepCheck(web, ownerOf(j.repository), { ...base, ...said }, known);
        return;
      } catch (error) {
        const { is } = githubFault(error, 'never', Date.now());
        refused = is !== 'later' || n === CHECK_TRIES;
        if (refused)
          j.say(`The plan is not shown as a check (${causes(error).join('; ')}): give the job checks: write.`);
        else await delay(AGAIN_MS);
      }
    }
  };
}

async function plan(j: Job, x: { issue: number; sha: string }): Promise<number> {
  const check = planCheck(j, x.sha);
  await check({ state: 'in_progress', title: 'is being planned', summary: 'The log of the run has it as it goes.' });
  const { document, exit } = await tw(j, ['plan']);
  const body = planMessage(document, { config: j.config, sha: x.sha });
  summary(j, body);
  // A newer push stops this run: nothing is wrong with the commit.
  const end = j.signal.aborted ? ({ state: 'neutral', title: 'was stopped' } as const) : planEnd(document, exit);
  await check({ ...end, summary: planBody(document, x.sha) });
  const place = { ...ownerOf(j.repository), issue_number: x.issue };
  const kept = keepComment(webOf(j), place, { marker: planMarker(j.config), body });
  await kept.catch((cause: unknown) => refused('the comment with the plan', 'pull-requests: write', cause));
  return exit;
}

/** An old run that is started again must not bring an old fleet back. */
async function isNewest(j: Job, branch: string): Promise<boolean> {
  const where = { ...ownerOf(j.repository), ref: `heads/${branch}` };
  const asked = webOf(j).request('GET /repos/{owner}/{repo}/commits/{ref}', where);
  const { data } = await asked.catch((cause: unknown) => refused(`the commit of ${branch}`, 'contents: read', cause));
  return data.sha === needed(j.env, 'GITHUB_SHA');
}

async function up(j: Job, branch: string): Promise<number> {
  await checkCommit(j);
  if (!(await isNewest(j, branch))) return nothing(j, 'a newer commit stands on the branch; its own run builds it');
  const { document, exit } = await tw(j, ['up', '--yes']);
  summary(j, endMessage('up', document, exit));
  return exit;
}

/** Codes of an answer that waits for persons: the command was not refused. */
const WAITS: readonly (string | undefined)[] = ['TW6110', 'TW6115'];

/** The line of a comment, through the same gate as in `tw serve`: with the rights of who wrote it, once. */
async function comment(j: Job): Promise<number> {
  await checkCommit(j);
  const call: Invocation = { verb: 'status', args: {}, ...(j.config === '' ? {} : { config: j.config }) };
  const named = (x: Invocation): Invocation => (j.config === '' ? x : { ...x, config: j.config });
  const c = j.engine(call);
  const { fleet } = await c.config();
  const transport = githubTransport({
    ...{ api: j.api, slash: j.slash, log: j.say, paced: true, fleet, deployments: true, checks: true },
    details: () => runPage(j),
    account: { token: j.token },
    repositories: [j.repository],
    webhookSecrets: [],
  });
  const gate = gateOf({ c, engine: (x) => j.engine(named(x)) });
  try {
    const take = (desk: Parameters<typeof transport.take>[0]) => transport.take(desk, j.payload, {});
    const card = await runOne({ ...gate, transport, log: j.say }, take, j.signal);
    if (card === undefined) return nothing(j, 'no new command of a person');
    j.say(`${card.verb ?? 'the line'}: ${card.problem?.code ?? card.state}`);
    return WAITS.includes(card.problem?.code) ? 0 : (card.exit ?? 1);
  } finally {
    await c.close();
  }
}

function nothing(j: Job, why: string): number {
  j.say(`Nothing to do: ${why}.`);
  summary(j, `– Nothing to do: ${why}.`);
  return 0;
}

/** One step of a workflow: what the event asks for is done; returns the exit code. Throws TW6404. */
export async function githubAction(d: ActionDeps): Promise<number> {
  const j = jobOf(d);
  const step = ciStep({
    name: needed(d.env, 'GITHUB_EVENT_NAME'),
    payload: j.payload,
    hosted: d.env['RUNNER_ENVIRONMENT'] === 'github-hosted',
    state: stateOf(d),
  });
  switch (step.do) {
    case 'nothing':
      return nothing(j, step.why);
    case 'refuse':
      summary(j, `✗ ${step.why}. ${step.fix}`);
      throw fault('TW6404', { value: d.env['GITHUB_EVENT_NAME'] ?? '', why: [step.why], fix: [{ say: step.fix }] });
    case 'plan':
      return await plan(j, step);
    case 'up':
      return await up(j, step.branch);
    case 'comment':
      return await comment(j);
  }
}
