import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noProsody, Prosody } from '../../src/chat/testing/prosody.ts';
import { type Caller, type Context, runCommand } from '../../src/commands/index.ts';
import { CLUSTERS, Shop } from '../../src/commands/release/released.fixtures.ts';
import { chatOf } from '../../src/compose/chat.ts';
import { checkConfig } from '../../src/config/index.ts';
import { memoryStore, StoreWorld } from '../../src/kernel/index.ts';
import { CHROMIUM, ConverseSite, noChromium, shown, type } from '../e2e/converse.ts';

/**
 * Three persons in three windows of Converse.js, a real Prosody between them and the chat loop of `tw serve`: gate,
 * people, approvals and release verbs are the real ones, the clusters are in memory.
 */
const skip = [noProsody(), noChromium()].includes(true);
const ROOM = 'ops@conference.localhost';
const PERSONS = ['ana', 'bo', 'eve'];

/** TW_PICTURES=docs/pictures renews the pictures of the documentation. */
const pictures = process.env['TW_PICTURES'] ?? join(tmpdir(), 'tw-pictures');
const picture = async (p: Page, name: string): Promise<void> => {
  await p.evaluate('document.activeElement.blur()');
  await p.screenshot({ path: join(pictures, `xmpp-${name}.png`), animations: 'disabled' });
};

const dir = mkdtempSync(join(tmpdir(), 'tw-xmpp-'));
const server = new Prosody();
const site = new ConverseSite();
/** Of a clock that runs fifty times faster. */
const RELEASE = { strategy: 'atomic', soak: '1m', lastSoak: '1m', keepBlue: '24h', prepare: { timeout: '1m' } };
const shop = new Shop(RELEASE);
const windows = new Map<string, Page>();
const stop = new AbortController();
const said: string[] = [];
let browser: Browser;
let context: Context;
let chat: Promise<void>;

function contextOf(): Context {
  const people = (name: string) => ({ accounts: [`xmpp:localhost:${name}@localhost`], groups: ['dev'] });
  const config = checkConfig(
    {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: Object.fromEntries(CLUSTERS.map((c) => [c, { cloud: 'aws', region: 'sa-east-1' }])),
      dns: { zone: 'demo.example' },
      apps: {
        shop: {
          manifests: ['m'],
          traffic: { host: 'shop.demo.example', service: 'shop' },
          release: RELEASE,
        },
      },
      people: Object.fromEntries(PERSONS.map((name) => [name, people(name)])),
      rights: [{ who: ['dev'], may: ['look', 'safe', 'forward', 'approve'] }],
      approvals: [{ verbs: ['release'], quorum: 2, ttl: '100h' }, { quorum: 0 }],
      chat: {
        xmpp: {
          jid: 'tradewind@localhost',
          password: { env: 'TW_TEST_XMPP' },
          service: server.service,
          rooms: [ROOM],
        },
      },
    },
    join(dir, 'tradewind.yaml'),
    '',
  );
  const store = new StoreWorld();
  return {
    ...shop.context,
    cwd: dir,
    stateDir: dir,
    book: () => memoryStore(undefined, store),
    config: async () => config,
    engine: async () => ({ ...(await shop.context.engine()), config }),
    close: async () => undefined,
  };
}

const by = (name: string): Caller => ({
  door: 'xmpp',
  identity: { platform: 'xmpp', tenant: 'localhost', actor: `${name}@localhost` },
});

const page = (name: string): Page => windows.get(name) as Page;

/** Waits until a window shows a message with all these words, and gives the message. */
async function sees(name: string, ...words: string[]): Promise<string> {
  for (let i = 0; i < 300; i++) {
    const found = (await shown(page(name))).map((t) => t.replaceAll('\u2060', ''));
    const hit = found.findLast((t) => words.every((w) => t.includes(w)));
    if (hit !== undefined) return hit;
    await page(name).waitForTimeout(100);
  }
  throw new Error(
    `${name} does not see ${words.join(' … ')}:\n${(await shown(page(name))).join('\n')}\n${said.join('\n')}`,
  );
}

/** The line that a message tells to type, as the window shows it. */
const lineOf = (message: string, label: string): string => {
  const line = message.split('\n').find((l) => l.startsWith(label));
  return `!tw ${line?.split('!tw ')[1] ?? ''}`;
};

describe.skipIf(skip)('XMPP: three persons in Converse.js (needs prosody and Chromium)', () => {
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    process.env['TW_TEST_XMPP'] = 'secret-of-tradewind';
    for (const name of [...PERSONS, 'tradewind']) server.account(name);
    await server.start();
    await site.start();
    await shop.stand();
    context = contextOf();
    const c = context;
    const log = (line: string): void => void said.push(line);
    const chats = await chatOf({ c, engine: () => c, log, place: () => undefined });
    chat = chats.run(stop.signal);
    const { chromium } = await import('playwright-core');
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM as string, args });
    for (const name of PERSONS) {
      windows.set(name, await site.open(browser, { name, websocket: server.websocket, room: ROOM }));
    }
    await page('ana').waitForSelector('converse-muc-sidebar >> text=tradewind');
  }, 180_000);

  afterAll(async () => {
    stop.abort();
    await chat;
    await browser?.close();
    await site.stop();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('plan: everybody sees what would happen, nothing does', async () => {
    await type(page('ana'), '!tw release shop@v2 --dry-run');
    const plan = await sees('eve', 'release shop@v2 --dry-run (ana): done');
    for (const c of CLUSTERS) expect(plan).toContain(c);
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
  });

  it('a short phrase means a line of the grammar', async () => {
    await type(page('eve'), '!tw shop list');
    expect(await sees('ana', 'shop list (eve): done')).toContain('means: versions shop');
  });

  it('a release waits for two others, who copy the line that stands there; her own yes does not count', async () => {
    await type(page('ana'), '!tw release shop@v2');
    const asked = await sees('bo', 'release shop@v2 (ana)', 'TW6110', '0 of 2');
    const approve = lineOf(asked, 'Somebody else looks');
    expect(approve).toMatch(/^!tw approve a-[0-9a-f]{12}$/);
    await type(page('ana'), approve);
    await sees('ana', approve.slice(4), '(ana): TW6111');
    await type(page('bo'), approve);
    await sees('eve', approve.slice(4), '(bo): done');
    await type(page('ana'), '!tw release shop@v2');
    await sees('ana', 'TW6110', '1 of 2', 'bo');
    await type(page('eve'), lineOf(await sees('eve', 'TW6110', '0 of 2'), 'Somebody else looks'));
    await sees('bo', approve.slice(4), '(eve): done');
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
    await picture(page('eve'), 'approve');
  });

  it('release: exactly the plan that was looked at, one message that moves', async () => {
    await type(page('ana'), lineOf(await sees('ana', 'TW6110', '1 of 2'), 'Then do exactly this plan'));
    await sees('bo', 'release shop@v2 --plan', '(ana): running', 'Pause: !tw pause shop');
    await sees('bo', 'release shop@v2 --plan', '(ana): done', 'Roll back everywhere: !tw rollback shop');
    expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
    const cards = (await shown(page('eve'))).filter((t) => /^\S release shop\u2060@v2 --plan/u.test(t));
    expect(cards).toHaveLength(1);
    await picture(page('bo'), 'release');
  });

  it('a letter that only looks right is no letter of a verb', async () => {
    await type(page('eve'), '!tw rollb\u0430ck shop');
    await sees('ana', '(eve): TW6020', 'U+0430');
    expect(shop.live()).toEqual(['v2', 'v2', 'v2']);
  });

  it('roll back: one person, one line; what they say about it stays words', async () => {
    await type(page('bo'), '!tw rollback shop because "*slow*, see http://evil.example/x.png or www.evil.example"');
    await sees('ana', 'rollback shop because', '(bo): done');
    expect(shop.live()).toEqual(['v1', 'v1', 'v1']);
    await picture(page('ana'), 'rollback');
  });

  it('nothing that the bot said is markup, a link or a picture in any window', async () => {
    for (const name of PERSONS) {
      const own = page(name).locator('converse-chat-message .chat-msg[data-from$="/tradewind"] .chat-msg__text');
      expect(await own.count()).toBeGreaterThan(5);
      expect(await own.locator('a, b, i, del, code, blockquote, img, video, audio, .mention').count()).toBe(0);
    }
  });

  it('the server dies in the middle of a release: it goes on, the gap is told and the card is right', async () => {
    // It waits for a word that comes while the server is dead: on no machine is it through before.
    await type(page('ana'), '!tw release shop@v3 --hold=commit');
    const asked = await sees('bo', 'release shop@v3 --hold=commit (ana)', 'TW6110', '0 of 2');
    const approve = lineOf(asked, 'Somebody else looks');
    for (const name of ['bo', 'eve']) {
      await type(page(name), approve);
      await sees('ana', approve.slice(4), `(${name}): done`);
    }
    await type(page('ana'), lineOf(asked, 'Then do exactly this plan'));
    await sees('bo', 'release shop@v3', '--plan', '(ana): running');
    await server.kill();
    const call = { verb: 'promote', args: { app: 'shop' }, from: by('bo') };
    await runCommand(context, call, shop.io('yes'));
    for (let i = 0; i < 600 && shop.live().some((v) => v !== 'v3'); i++) await page('bo').waitForTimeout(100);
    await server.start();
    await sees('bo', 'I was away from');
    const done = await sees('bo', 'release shop@v3', '--plan', '(ana): done');
    expect(done).toContain('goes on from above');
    expect(shop.live()).toEqual(['v3', 'v3', 'v3']);
  });
});
