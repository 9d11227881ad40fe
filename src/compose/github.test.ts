import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { GithubServer } from '../chat/testing/github-server.ts';

const TW = resolve(import.meta.dirname, '..', '..', 'bin', 'tw.js');
const ROOM = 'acme/shop#7';
const ANA = { id: 101 };

it('tw serve takes comments of GitHub by its hook: once, from who may, and what it missed is told and not run', async () => {
  const github = new GithubServer();
  const api = await github.start();
  const lost = await github.comment(ANA, ROOM, '/tw freeze because "nobody listened"');
  expect(lost.status_code).toBe(503);
  const dir = mkdtempSync(join(tmpdir(), 'tw-serve-github-'));
  mkdirSync(join(dir, 'k8s'));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
apps: { shop: { manifests: [k8s] } }
people: { ana: { accounts: ["github:127.0.0.1:101"] }, op: { accounts: ["os:${userInfo().username}"] } }
rights: [{ who: [ana, op], may: [look, safe, rule] }]
chat:
  github:
    app: ${github.app}
    installation: ${github.installation}
    repositories: [acme/shop]
    api: ${api}
    privateKey: { env: KEY }
    webhookSecret: { env: HOOK }
`,
  );
  const secrets = { KEY: github.privateKey, HOOK: github.secret };
  const env = { ...process.env, ...secrets, TW_STATE_DIR: join(dir, 'state'), CI: '1' };
  const argv = [TW, 'serve', '--port', '0', '--config', join(dir, 'tradewind.yaml')];
  const child = spawn(process.execPath, argv, { cwd: dir, env });
  let said = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d: Buffer) => (said += d.toString()));
  const ended = new Promise<number | null>((go) => child.on('exit', go));
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !what(); i++) await new Promise((go) => setTimeout(go, 20));
    expect(
      what(),
      `${said}\n${github
        .cards(ROOM)
        .map((c) => c.body)
        .join('\n')}`,
    ).toBe(true);
  };
  try {
    const address = /http:\/\/127\.0\.0\.1:\d+/;
    await until(() => github.shown(ROOM).includes('TW6402') && address.test(said));
    const [at] = address.exec(said) ?? [];
    github.target = `${at}/hooks/github`;
    const freeze = await github.comment(ANA, ROOM, '/tw freeze because "black friday"\n\nthank you');
    expect(freeze.status_code).toBe(202);
    await until(() => github.shown(ROOM).includes('freeze f1') && github.shown(ROOM).includes('done'));
    expect((await github.redeliver(freeze)).status_code).toBe(202);
    expect((await github.redeliver(lost)).status_code).toBe(202);
    expect((await github.comment(ANA, ROOM, '/tw unfreeze', { secret: 'guessed' })).status_code).toBe(401);
    await github.comment({ id: 666 }, ROOM, '/tw unfreeze');
    await until(() => github.shown(ROOM).includes('TW6301'));
    github.broken = 'down';
    await github.comment(ANA, ROOM, '/tw unfreeze because "ghp_0123456789abcdefghij0123"');
    await github.comment(ANA, ROOM, '/tw unfreeze');
    await new Promise((go) => setTimeout(go, 500));
    expect(github.cards(ROOM)).toHaveLength(3);
    github.broken = undefined;
    await until(() => github.cards(ROOM).length === 5 && !said.includes('TW8999'));
    const shown = github.cards(ROOM).map((c) => c.body);
    expect(shown.some((b) => b.includes('TW6021'))).toBe(true);
    expect(shown.some((b) => b.includes('freeze f1 is over'))).toBe(true);
    expect(shown.join('')).not.toContain('ghp_0123');
    expect(github.live(ROOM)).toEqual([]);
  } finally {
    child.kill('SIGTERM');
    await ended;
    await github.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  expect(said).not.toContain('PRIVATE KEY');
}, 90_000);
