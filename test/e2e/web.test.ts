import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { violations } from '../browser/axe.ts';
import { chromium } from '../browser/rig.ts';
import { noChromium } from './converse.ts';
import { EXAMPLE, eventually, Rig, visits } from './rig.ts';
import { serverInPod } from './server-pod.ts';

/** The server of a running world: its dashboard in a real browser, then the server itself as a pod of a cluster. */
const rig = new Rig();
let browser: Browser;
let url = '';
let server: ReturnType<Rig['start']> | undefined;

async function stopServing(): Promise<number | null | undefined> {
  if (server === undefined) return undefined;
  process.kill(server.pid, 'SIGTERM');
  const code = await server.ended;
  server = undefined;
  return code;
}
beforeAll(async () => {
  const up = await rig.json('up', '--sandbox', '--yes');
  expect(up.code, up.stderr).toBe(0);
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await stopServing();
  await rig.end();
});

const PAGES = ['/', '/fleet', '/releases', '/traffic', '/state', '/plan', '/history', '/settings', '/lab'];

async function opened(path: string, o: { width: number; theme: 'light' | 'dark' }): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  const link = (await rig.json('dashboard')).data as { url: string };
  await page.goto(link.url);
  await page.waitForSelector('main h1');
  await page.goto(`${url}${path}`);
  await page.waitForSelector('main h1');
  return page;
}

describe.skipIf(noChromium())('dashboard (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    server = rig.start('serve', '--port', '0');
    await eventually(60_000, async () => {
      url = ((await rig.json('dashboard')).data as { address: string }).address;
      expect(url).toMatch(/^http:/);
    });
  }, 600_000);

  // Every width in each theme is in test/browser, with written facts; here are those of a world.
  it.each([
    { width: 390, theme: 'dark' },
    { width: 1440, theme: 'light' },
  ] as const)(
    '$width px, $theme: on every page axe finds nothing, nothing sticks out, nothing is asked of others',
    async (o) => {
      const page = await opened('/', o);
      const foreign: string[] = [];
      page.on('request', (r) => void (r.url().startsWith(url) || foreign.push(r.url())));
      for (const path of PAGES) {
        await page.goto(`${url}${path}`);
        await page.waitForSelector('main h1');
        expect(await violations(page), path).toEqual([]);
        const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        expect(await page.evaluate(wide), path).toBe(0);
      }
      expect(foreign).toEqual([]);
      await page.context().close();
    },
  );

  it('a release is begun, its lanes move, and one button takes every cluster back', async () => {
    const page = await opened('/releases', { width: 1440, theme: 'light' });
    await page.fill('input[placeholder=v2]', 'v2');
    await page.click('text=Plan it');
    await page.click('button:has-text("Release v2")');
    await page.click('dialog[open] button:has-text("Release v2")');
    await page.waitForSelector('.lanes td.now');
    await page.waitForFunction(() => document.querySelectorAll('.version.green').length === 3, undefined, {
      timeout: 180_000,
    });
    expect((await visits(rig, 'sao'))[0]).toMatchObject({ status: 200, version: 'v2' });
    // From any page: two presses, no typing.
    await page.click('nav a:has-text("Fleet")');
    await page.click('header.top button:has-text("Roll back everywhere")');
    await page.click('dialog[open] button:has-text("Roll back everywhere")');
    await eventually(60_000, async () => {
      for (const from of ['sao', 'mtl', 'syd']) expect((await visits(rig, from))[0]).toMatchObject({ version: 'v1' });
    });
    await page.click('nav a:has-text("History")');
    await page.waitForSelector('text=tw rollback');
    await page.context().close();
  });

  it('the server comes back: the page finds it without a reload, and still knows who it is', async () => {
    const page = await opened('/fleet', { width: 1440, theme: 'light' });
    await page.waitForSelector('.connection.live');
    expect(await stopServing()).toBe(0);
    await page.waitForSelector('.connection.lost');
    server = rig.start('serve', '--port', new URL(url).port);
    await page.waitForSelector('.connection.live', { timeout: 60_000 });
    await page.context().close();
  });
});

describe('the server as a pod of a cluster', () => {
  beforeAll(stopServing);
  serverInPod(rig, EXAMPLE);
});
