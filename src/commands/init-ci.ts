import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Config } from '../config/index.ts';
import { code, fault, text } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { type WorkflowWish, workflow } from './init-workflow.ts';
import type { Args, Outcome } from './model.ts';

const FILE = join('.github', 'workflows', 'tradewind.yml');

/** The folder with `.git` at or above; a workflow anywhere else is not run. */
function repositoryOf(from: string): string {
  for (let dir = from; ; dir = dirname(dir)) {
    if (existsSync(join(dir, '.git'))) return dir;
    if (dirname(dir) === dir)
      throw fault('TW6002', {
        value: from,
        why: ['this folder belongs to no git repository'],
        fix: [{ say: 'Make one first:', command: 'git init' }],
      });
  }
}

/** A tag can be moved; still it is what most repositories use, so both are taken, and no branch. */
function actionOf(typed: string): string {
  if (/^[\w.-]+\/[\w.-]+@([0-9a-f]{40}|v\d+(\.\d+){0,2})$/.test(typed)) return typed;
  throw fault('TW6002', {
    value: typed,
    why: ['an action is written as owner/name@commit, or with a tag such as @v1'],
    fix: [{ say: 'For example', command: '--action acme/tradewind@v1' }],
  });
}

function cloudsOf(config: Config): WorkflowWish['clouds'] {
  const { azure } = config.accounts;
  const aws = config.clusters.find((c) => c.cloud === 'aws');
  const used = (cloud: string): boolean => config.clusters.some((c) => c.cloud === cloud);
  return {
    aws: aws === undefined ? undefined : { region: aws.region },
    azure: used('azure') && azure !== undefined ? azure : undefined,
    gcp: used('gcp') ? true : undefined,
  };
}

/** Writes the workflow of a repository; refuses to overwrite. Throws TW6002, TW6005, TW1001–TW1003. */
export async function initCi(c: Context, args: Args, io: Io): Promise<Outcome> {
  if (args['ci'] !== 'github')
    throw fault('TW6002', {
      value: String(args['ci']),
      why: ['github is the only one that is known'],
      fix: [{ say: 'Write a workflow for GitHub:', command: 'tw init --ci github' }],
    });
  const config = await c.config();
  const root = repositoryOf(dirname(config.file));
  const file = join(root, FILE);
  if (existsSync(file))
    throw fault('TW6002', {
      value: file,
      why: ['the file exists already; it is not overwritten'],
      fix: [{ say: 'Keep it, or move it away and write it anew:', command: `mv ${FILE} ${FILE}.old` }],
    });
  const named = args['action'] as string | undefined;
  const flag = '--action <owner/tradewind@commit>';
  const action = actionOf(
    named ?? (await io.ask({ kind: 'text', text: 'Repository of the action, with its commit?', flag })),
  );
  const { github } = config.chat ?? {};
  const wish = {
    fleet: config.fleet,
    config: relative(root, config.file),
    action,
    slash: github?.slash ?? '/tw',
    served: github !== undefined,
    clouds: cloudsOf(config),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, workflow(wish), { flag: 'wx' });
  return {
    data: { file, action, fleet: wish.fleet, comments: wish.served ? 'serve' : 'workflow' },
    view: {
      at: 0,
      rows: [
        { key: 'file', tone: 'ok', label: [text('written '), code(file)], cells: {}, kids: [] },
        {
          key: 'next',
          tone: 'wait',
          label: [
            text('next: a runner of your own with the label '),
            code('tradewind'),
            text(', and the variables that the file names'),
          ],
          cells: {},
          kids: [],
        },
      ],
    },
  };
}
