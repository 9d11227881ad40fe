import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import type { RawRequest, RawResponse } from '../chat/index.ts';
import { SlackPosts } from '../chat/testing/slack-post.ts';
import { SlackServer } from '../chat/testing/slack-server.ts';

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');
const SECRETS = { APP: 'xapp-secret-app', BOT: 'xoxb-secret-bot', SIGN: 'secret-of-today', OLD: 'secret-of-yesterday' };

interface Serving {
  slack: SlackServer;
  /** Of the server. */
  url: string;
  until: (what: () => boolean) => Promise<void>;
}

/** A whole `tw serve` whose config hears Slack in this way. */
async function serving(way: string, run: (x: Serving) => Promise<void>): Promise<void> {
  const slack = new SlackServer();
  const api = await slack.start();
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-chat-'));
  mkdirSync(join(dir, 'k8s'));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
apps: { shop: { manifests: [k8s], pull: [{ registry: r.example, username: { value: sandbox }, password: { env: BOT } }] } }
people: { anna: { accounts: ["slack:T1:UA"] }, op: { accounts: ["os:${process.env['USER'] ?? userInfo().username}"] } }
rights: [{ who: [anna, op], may: [look, safe, rule] }]
chat: { slack: { team: T1, api: "${api}", botToken: { env: BOT }, ${way} } }
`,
  );
  const env = { ...process.env, ...SECRETS, TW_STATE_DIR: join(dir, 'state'), CI: '1' };
  const argv = [TW, 'serve', '--port', '0', '--config', join(dir, 'tradewind.yaml')];
  const child = spawn(process.execPath, argv, { cwd: dir, env });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 1500 && !what(); i++) await new Promise((go) => setTimeout(go, 20));
    expect(what(), said).toBe(true);
  };
  const url = (): string => /API: (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1] ?? '';
  try {
    await until(() => url() !== '');
    await run({ slack, url: url(), until });
  } finally {
    child.kill('SIGTERM');
    await ended;
    await slack.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  for (const secret of Object.values(SECRETS)) expect(said).not.toContain(secret);
}

async function orders({ slack, until }: Serving): Promise<void> {
  slack.slash('UA', 'C1', 'freeze because "black friday"');
  await until(() => slack.shown('C1').includes('freeze f1') && slack.shown('C1').includes('done'));
  slack.slash('UX', 'C2', 'unfreeze');
  await until(() => slack.shown('C2').includes('TW6301'));
  slack.slash('UA', 'C3', 'freeze shop because "the token is xoxb-secret-bot"');
  await until(() => slack.shown('C3').includes('TW6021'));
  expect(slack.shown('C3')).not.toContain('xoxb-secret-bot');
  // A word that stands in the config is no secret in a line.
  slack.slash('UA', 'C6', 'explain sandbox');
  await until(() => slack.shown('C6').includes('explain sandbox'));
  expect(slack.shown('C6')).not.toContain('TW6021');
}

it('tw serve listens to the chat of its config, and ends with it', async () => {
  await serving('appToken: { env: APP }', async (x) => {
    await x.until(() => x.slack.connections > 0);
    await new Promise((go) => setTimeout(go, 50));
    await orders(x);
  });
}, 90_000);

it('tw serve takes what Slack posts to its hook, signed with either secret, once', async () => {
  await serving('signingSecret: [{ env: SIGN }, { env: OLD }]', async (x) => {
    const hook = async ({ headers, body }: RawRequest): Promise<RawResponse> => {
      const r = await fetch(`${x.url}/hooks/slack`, { method: 'POST', headers, body });
      return { status: r.status, body: await r.text() };
    };
    while ((await hook({ headers: {}, body: 'x' })).status === 503) await new Promise((go) => setTimeout(go, 20));
    const posts = new SlackPosts(hook, SECRETS.SIGN);
    x.slack.posts = posts;
    await orders(x);
    posts.secret = SECRETS.OLD;
    x.slack.mention('UA', 'C4', 'unfreeze');
    await x.until(() => x.slack.shown('C4').includes('freeze f1 is over'));
    expect((await posts.replay()).status).toBe(200);
    posts.secret = 'guessed';
    x.slack.slash('UA', 'C5', 'freeze because "not mine"');
    await x.until(() => posts.posted.at(-1)?.status === 401);
    expect(x.slack.messages.map((m) => m.channel).toSorted()).toEqual(['C1', 'C2', 'C3', 'C4', 'C6']);
    expect((await fetch(`${x.url}/hooks/nobody`, { method: 'POST', body: 'x' })).status).toBe(404);
  });
}, 90_000);
