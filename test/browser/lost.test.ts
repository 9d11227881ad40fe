import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/chat/adapters/lab.ts';
import { release } from '../../src/commands/release/start.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { APP, World } from '../transcripts/chat-doors/world.ts';
import { chromium, served } from './rig.ts';

/** The dashboard in a real browser while its server is gone, and without JavaScript. */
let stop = new AbortController();
let world: World;
let browser: Browser;
let url = '';
let running: Promise<unknown>;

async function start(port: number): Promise<void> {
  stop = new AbortController();
  const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
  const door = new LabDoor({ lab, place: () => undefined, config: async () => world.shop.config });
  const deps = world.server({ lab: door, web: webFiles });
  ({ url, ended: running } = await served(deps, { signal: stop.signal, port }));
}
async function end(): Promise<void> {
  stop.abort();
  await running;
}

describe.skipIf(noChromium())('a dashboard without its server (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    world = new World();
    await world.shop.stand();
    await release(world.shop.context, { target: `${APP}@v2`, yes: true }, world.shop.io());
    await start(0);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await end();
    await world?.close();
  });

  it('every button that changes something is off and says why, also of a question that is open; then on again', async () => {
    const page = await (await browser.newContext()).newPage();
    await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
    await page.waitForSelector('main h1');
    await page.goto(`${url}/settings`);
    await page.waitForSelector('.connection.live');
    const all = (p: Page) => p.locator('.act > button');
    const open = page.locator('header.top button:has-text("Roll back everywhere")').first();
    await open.click();
    const send = page.locator('dialog[open] button.strong');
    expect([await send.isDisabled(), await all(page).count()]).toEqual([false, 5]);
    await end();
    await page.waitForSelector('.connection.lost');
    expect(await send.isDisabled()).toBe(true);
    expect(await page.textContent('dialog[open]')).toContain('the server does not answer');
    await page.keyboard.press('Escape');
    for (const b of await all(page).all()) expect(await b.isDisabled(), (await b.textContent()) ?? '').toBe(true);
    expect(await page.textContent('header.top .denied')).toContain('the server does not answer');
    await start(Number(new URL(url).port));
    await page.waitForSelector('.connection.live', { timeout: 30_000 });
    for (const b of await all(page).all()) expect(await b.isDisabled(), (await b.textContent()) ?? '').toBe(false);
    expect(world.shop.live()).toEqual(['v2', 'v2', 'v2']);
    await page.context().close();
  }, 90_000);

  it('without JavaScript it names the lines that do the same', async () => {
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(url);
    const said = page.locator('noscript');
    expect(await said.isVisible()).toBe(true);
    expect(await page.locator('noscript code').allTextContents()).toEqual(['tw status', 'tw map', 'tw rollback <app>']);
    await page.context().close();
  });
});
