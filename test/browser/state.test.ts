import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/chat/adapters/lab.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { World } from '../transcripts/chat-doors/world.ts';
import { violations } from './axe.ts';
import { chromium, served } from './rig.ts';

/** The page of shared state in a real browser; what the agents say is written here. */
const stop = new AbortController();
let world: World;
let browser: Browser;
let url = '';
let running: Promise<unknown>;

const facts = {
  app: 'guestbook',
  mode: 'single-writer',
  home: 'sao',
  copies: 2,
  epoch: 7,
  clusters: [
    { name: 'sao', role: 'home', epoch: 7, via: 'direct' },
    { name: 'mtl', role: 'copy', lagMs: 12.4, epoch: 7, via: 'direct' },
    { name: 'syd', role: 'catching up', lagMs: 900, epoch: 6, via: 'mtl', why: 'a full copy is under way' },
  ],
  story: ['mtl was silent for 3 s', 'ballot 7: sao has everything', 'sao is home'],
};
const moves: unknown[] = [];

async function opened(o: { width: number; theme: 'light' | 'dark' }): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  const meta = { verb: 'state status', at: '', ms: 0 };
  const data = { ...facts, apps: [facts] };
  await page.route('**/api/v1/commands/state/status*', (r) =>
    r.fulfill({ json: { apiVersion: 'tradewind/v1', kind: 'StateStatus', data, missing: [], warnings: [], meta } }),
  );
  await page.route('**/api/v1/commands/state/move', (r) => {
    moves.push(r.request().postDataJSON());
    return r.fulfill({ json: { apiVersion: 'tradewind/v1', kind: 'StateMove', data: {}, meta } });
  });
  await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
  await page.waitForSelector('main h1');
  await page.goto(`${url}/state`);
  await page.waitForSelector('main table');
  return page;
}

describe.skipIf(noChromium())('state page (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    world = new World();
    const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
    const door = new LabDoor({ lab, place: () => undefined, config: async () => world.shop.config });
    const deps = world.server({ lab: door, web: webFiles });
    ({ url, ended: running } = await served(deps, { signal: stop.signal }));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    stop.abort();
    await running;
    await world?.close();
  });

  it('home, copies and the story; home is moved to a copy in step, and to no other', async () => {
    const page = await opened({ width: 1440, theme: 'light' });
    expect(await page.textContent('main .title')).toContain('home sao, epoch 7');
    expect(await page.textContent('main tbody tr:nth-child(3)')).toContain('via mtl');
    expect(await page.locator('main ol li').allTextContents()).toEqual(facts.story);
    expect(await page.isDisabled('button:has-text("Move home to syd")')).toBe(true);
    await page.click('button:has-text("Move home to mtl")');
    await page.click('dialog[open] button:has-text("Move home to mtl")');
    await expect.poll(() => moves).toEqual([{ app: 'guestbook', to: 'mtl' }]);
    await page.context().close();
  });

  it.each(
    ([390, 768, 1440] as const).flatMap((width) => (['light', 'dark'] as const).map((theme) => ({ width, theme }))),
  )('$width px, $theme: axe finds nothing, nothing sticks out', async (o) => {
    const page = await opened(o);
    expect(await violations(page)).toEqual([]);
    const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(wide)).toBe(0);
    await page.context().close();
  });
});
