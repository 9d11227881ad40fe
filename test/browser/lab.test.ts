import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/chat/adapters/lab.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { serve } from '../../src/server/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { APP, World } from '../transcripts/chat-doors/world.ts';
import { violations } from './axe.ts';
import { chromium } from './rig.ts';

/** The chat lab of a real server in a real browser; the clusters behind it are in memory. */
const stop = new AbortController();
let world: World;
let browser: Browser;
let url = '';
let running: Promise<unknown>;

async function opened(path: string, o: { width: number; theme: 'light' | 'dark' }): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
  await page.waitForSelector('main h1');
  await page.goto(`${url}${path}`);
  await page.waitForSelector('main h1');
  return page;
}

const room = (page: Page, person: string) => page.locator(`section.card:has(h2:text-is("${person}"))`);
const last = (page: Page, person: string) => room(page, person).locator('.sent').last();

async function say(page: Page, person: string, line: string): Promise<void> {
  await room(page, person).locator('input').fill(line);
  await room(page, person).locator('input').press('Enter');
}

describe.skipIf(noChromium())('chat lab (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    world = new World();
    await world.shop.stand();
    const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
    const config = async () => world.shop.config;
    const door = new LabDoor({ lab, place: () => 'sandbox', config });
    const chat = world.chat([lab], stop.signal, (c) => door.guarded(c));
    const deps = world.server({ lab: door, web: webFiles });
    const wish = { port: 0, host: '127.0.0.1' };
    await new Promise<void>((go) => {
      const ready = (at: string): void => {
        url = at;
        go();
      };
      running = Promise.all([chat, serve(deps, wish, { ready, signal: stop.signal })]);
    });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    stop.abort();
    await running;
    await world?.close();
  });

  it('it is in the navigation, comes in a file of its own, and asks nobody else for anything', async () => {
    const page = await opened('/', { width: 1440, theme: 'light' });
    const asked: string[] = [];
    page.on('request', (r) => void asked.push(r.url()));
    await page.keyboard.press('9');
    await page.waitForSelector('.persons');
    expect(page.url()).toBe(`${url}/lab`);
    expect(asked.some((u) => /\/assets\/lab-[\w-]+\.js$/.test(u))).toBe(true);
    expect(asked.filter((u) => !u.startsWith(url))).toEqual([]);
    expect(await page.locator('.persons h2').allTextContents()).toEqual(['ana', 'bo', 'eve']);
    await page.context().close();
  });

  it('a release is asked for, approved by another person, done, and taken back by its button', async () => {
    const page = await opened('/lab', { width: 1440, theme: 'light' });
    await page.waitForSelector('.persons');
    await say(page, 'eve', `/tw release ${APP}@v2`);
    await last(page, 'eve').getByText('TW6101').waitFor();
    await say(page, 'ana', `/tw release ${APP}@v2`);
    await last(page, 'bo').getByText('TW6110').waitFor();
    // Who asks does not decide.
    await room(page, 'ana').locator('.sent').last().getByRole('button', { name: 'Approve as ana' }).click();
    await last(page, 'ana').getByText('TW6111').waitFor();
    await room(page, 'bo').getByRole('button', { name: 'Approve as bo' }).last().click();
    await last(page, 'bo').getByText('is granted').waitFor();
    expect(world.shop.live()).toEqual(['v1', 'v1', 'v1']);
    await say(page, 'ana', `/tw release ${APP}@v2 --hold=commit`);
    await last(page, 'bo').getByText('TW6110').waitFor();
    await room(page, 'bo').getByRole('button', { name: 'Approve as bo' }).last().click();
    await last(page, 'bo').getByText('is granted').waitFor();
    // The card that was voted on does it; until then nothing has moved.
    expect(world.shop.live()).toEqual(['v1', 'v1', 'v1']);
    await room(page, 'ana').getByRole('button', { name: 'Do it as ana' }).last().click();
    const card = room(page, 'eve').locator('.sent').filter({ hasText: 'hold=commit --plan' }).last();
    await card.locator('.head').getByText(' running').waitFor();
    // The word that it waits for is a decision of its own; the card is edited where it stands.
    await say(page, 'ana', `/tw promote ${APP}`);
    await last(page, 'bo').getByText('TW6110').waitFor();
    await room(page, 'bo').getByRole('button', { name: 'Approve as bo' }).last().click();
    await last(page, 'bo').getByText('is granted').waitFor();
    await say(page, 'ana', `/tw promote ${APP} --yes`);
    await card.locator('.head').getByText(' done').waitFor();
    await card.getByText(/^edited /).waitFor();
    expect(world.shop.live()).toEqual(['v2', 'v2', 'v2']);
    // Any of them may make it safer, from the card of somebody else.
    await room(page, 'bo').getByRole('button', { name: 'Roll back everywhere as bo' }).last().click();
    await last(page, 'ana').getByText(`rollback ${APP}`).first().waitFor();
    await expect.poll(() => world.shop.live(), { timeout: 10_000 }).toEqual(['v1', 'v1', 'v1']);
    await page.context().close();
  }, 60_000);

  it('an outage holds back lines and cards, not what runs; 5 s after it everything is right', async () => {
    const page = await opened('/lab', { width: 1440, theme: 'dark' });
    await page.waitForSelector('.persons');
    const outage = page.getByRole('switch', { name: /^Outage/ });
    const before = await room(page, 'ana').locator('.sent').count();
    await say(page, 'bo', '/tw freeze because "black friday"');
    await last(page, 'bo').getByText('freeze f1').first().waitFor();
    await outage.check();
    await say(page, 'bo', '/tw unfreeze');
    await room(page, 'bo').getByText('not delivered yet').waitFor();
    expect(await room(page, 'ana').locator('.sent').count()).toBe(before + 1);
    await outage.uncheck();
    const since = performance.now();
    await last(page, 'ana').getByText('freeze f1 is over').waitFor({ timeout: 6000 });
    expect(performance.now() - since).toBeLessThan(5000);
    // A command that runs while the platform is away: its card is right 5 s after.
    await page.getByRole('switch', { name: /^Rate limit/ }).check();
    await say(page, 'bo', '/tw freeze because "quiet"');
    await expect.poll(() => [...world.kept.kept.keys()].includes('freeze/f2')).toBe(true);
    await page.getByText(/The platform refused \d+ writes/).waitFor();
    // Who reads the chat learns on every page that it is not right.
    const behind = page.getByText(/^chat lab behind \d+ s/);
    await behind.waitFor({ timeout: 10_000 });
    await page.getByText(/a card there is not right; .* It says: the lab asks to wait$/).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole('switch', { name: /^Rate limit/ }).uncheck();
    const healed = performance.now();
    await last(page, 'ana').getByText('freeze f2').first().waitFor({ timeout: 6000 });
    expect(performance.now() - healed).toBeLessThan(5000);
    await behind.waitFor({ state: 'detached', timeout: 4000 });
    await say(page, 'bo', '/tw unfreeze');
    await last(page, 'ana').getByText('freeze f2 is over').waitFor();
    await page.context().close();
  }, 60_000);

  it('a line that is delivered twice runs once; of two lines the second may come first', async () => {
    const page = await opened('/lab', { width: 1440, theme: 'light' });
    await page.waitForSelector('.persons');
    await page.getByRole('switch', { name: /^Duplicates/ }).check();
    await say(page, 'bo', '/tw freeze because "once"');
    await room(page, 'bo').getByText('delivered 2 times').last().waitFor();
    await last(page, 'bo').getByText('freeze f3').first().waitFor();
    expect([...world.kept.kept.keys()].filter((k) => k === 'freeze/f4')).toEqual([]);
    await page.getByRole('switch', { name: /^Duplicates/ }).uncheck();
    await page.getByRole('switch', { name: /^Reorder/ }).check();
    await say(page, 'bo', '/tw unfreeze');
    await say(page, 'ana', '/tw locks');
    await expect
      .poll(() => room(page, 'ana').locator('.sent .head').last().textContent(), { timeout: 10_000 })
      .toContain('unfreeze');
    await page.getByRole('switch', { name: /^Reorder/ }).uncheck();
    await page.context().close();
  }, 60_000);

  it.each(
    ([390, 768, 1440] as const).flatMap((width) => (['light', 'dark'] as const).map((theme) => ({ width, theme }))),
  )('$width px, $theme: axe finds nothing and nothing sticks out', async (o) => {
    const page = await opened('/lab', o);
    await page.waitForSelector('.persons .sent');
    expect(await violations(page)).toEqual([]);
    const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(wide)).toBe(0);
    // The page ends where its last person does, and each room shows its newest message.
    const below = `document.documentElement.scrollHeight - document.querySelector('main').getBoundingClientRect().bottom - scrollY`;
    expect(await page.evaluate(below)).toBeLessThan(30);
    const up = `[...document.querySelectorAll('.room')].map((r) => r.scrollHeight - r.scrollTop - r.clientHeight < 24)`;
    expect(await page.evaluate(up)).toEqual([true, true, true]);
    await page.context().close();
  });
});
