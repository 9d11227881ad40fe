import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { SlackServer } from '../chat/testing/slack-server.ts';

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');

it('tw serve listens to the chat of its config, and ends with it', async () => {
  const slack = new SlackServer();
  const api = await slack.start();
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-chat-'));
  mkdirSync(join(dir, 'k8s'));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
apps: { shop: { manifests: [k8s] } }
people: { anna: { accounts: ["slack:T1:UA"] }, op: { accounts: ["os:${process.env['USER'] ?? (await import('node:os')).userInfo().username}"] } }
rights: [{ who: [anna, op], may: [look, safe, rule] }]
chat: { slack: { team: T1, api: "${api}", appToken: { env: APP }, botToken: { env: BOT } } }
`,
  );
  const env = {
    ...process.env,
    APP: 'xapp-secret-app',
    BOT: 'xoxb-secret-bot',
    TW_STATE_DIR: join(dir, 'state'),
    CI: '1',
  };
  const child = spawn(process.execPath, [TW, 'serve', '--port', '0', '--config', join(dir, 'tradewind.yaml')], {
    cwd: dir,
    env,
  });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 1500 && !what(); i++) await new Promise((go) => setTimeout(go, 20));
    expect(what(), said).toBe(true);
  };
  try {
    await until(() => slack.connections > 0);
    await new Promise((go) => setTimeout(go, 50));
    slack.slash('UA', 'C1', 'freeze because "black friday"');
    await until(() => slack.shown('C1').includes('freeze f1') && slack.shown('C1').includes('done'));
    slack.slash('UX', 'C2', 'unfreeze');
    await until(() => slack.shown('C2').includes('TW6301'));
    slack.slash('UA', 'C3', 'freeze shop because "the token is xoxb-secret-bot"');
    await until(() => slack.shown('C3').includes('TW6021'));
    expect(slack.shown('C3')).not.toContain('xoxb-secret-bot');
  } finally {
    child.kill('SIGTERM');
    await ended;
    await slack.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  expect(said).not.toContain('secret-bot');
}, 90_000);
