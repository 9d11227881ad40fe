import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noChromium } from '../e2e/converse.ts';
import { APP } from '../transcripts/chat-doors/world.ts';
import { violations } from './axe.ts';
import { chromium } from './rig.ts';
import { LOOKS, opened, type Whole, whole } from './whole.ts';

/** All nine pages with something on them: what a person without a mouse, with little room or with poor eyes gets. */
const PAGES = ['/', '/fleet', '/releases', '/traffic', '/state', '/plan', '/history', '/settings', '/lab'] as const;
const WIDE = { width: 1440, theme: 'light' } as const;
/** On a machine that is busy. */
const SOON = { timeout: 20_000 };
/** Everything in it that can be operated. */
const OPERABLE = 'button:enabled, a[href], input, select, summary';

let browser: Browser;
let w: Whole;

/** What is there once the first looks have answered. */
const FILLED: Readonly<Record<(typeof PAGES)[number], string>> = {
  '/': '.world .cluster',
  '/fleet': '.scroll tbody tr',
  '/releases': '.lanes',
  '/traffic': '.scroll tbody tr',
  '/state': '.chart canvas',
  '/plan': '#approvals',
  '/history': '.scroll tbody tr',
  '/settings': 'section:has(h2:text-is("Tokens of the HTTP API")) .scroll tbody tr',
  '/lab': 'main h1',
};

async function at(page: Page, path: (typeof PAGES)[number]): Promise<void> {
  await page.goto(`${w.url}${path}`);
  await page.waitForSelector('.connection.live');
  await page.waitForSelector(FILLED[path], { timeout: 20_000 });
}

interface Stop {
  name: string;
  /** The element, as it is numbered in the page. */
  n: number;
  outline: string;
}

/** Goes through a page by Tab alone, from its top to the end; where it came by. */
async function walked(page: Page): Promise<Stop[]> {
  await page.evaluate(
    `document.activeElement.blur(); document.querySelectorAll(${JSON.stringify(OPERABLE)}).forEach((e, i) => (e.dataset.n = i))`,
  );
  const stops: Stop[] = [];
  for (let i = 0; i < 200; i++) {
    await page.keyboard.press('Tab');
    const stop = (await page.evaluate(`(() => {
      const e = document.activeElement;
      const s = getComputedStyle(e);
      return { name: e.tagName + ' ' + (e.textContent || '').slice(0, 40), n: Number(e.dataset.n ?? -1), body: e === document.body, outline: s.outlineStyle === 'none' ? '' : s.outlineWidth };
    })()`)) as Stop & { body: boolean };
    if (stop.body || stops.some((s) => s.n === stop.n && s.n !== -1)) break;
    stops.push(stop);
  }
  return stops;
}

describe.skipIf(noChromium())('the nine pages (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    w = await whole();
    await w.say('release', { target: `${APP}@v2`, yes: true, on: [] });
    await w.say('freeze', {
      app: APP,
      on: [],
      because: 'a sale that begins at midnight and is not over yet',
      for: '2h',
    });
    await w.say('lock', { app: APP, on: ['syd'], because: 'database work', for: '4h' });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await w?.end();
  });

  it.each(LOOKS)(
    '$width px, $theme: axe finds nothing, nothing sticks out, nothing is asked of others',
    async (o) => {
      const page = await opened(browser, w, { ...o, path: '/' });
      const foreign: string[] = [];
      const broken: string[] = [];
      page.on('request', (r) => void (r.url().startsWith(w.url) || foreign.push(r.url())));
      page.on('pageerror', (e) => void broken.push(e.message));
      page.on('console', (m) => void (m.type() === 'error' && broken.push(m.text())));
      for (const path of PAGES) {
        await at(page, path);
        expect(await violations(page), path).toEqual([]);
        const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        expect(await page.evaluate(wide), path).toBe(0);
      }
      expect([foreign, broken]).toEqual([[], []]);
      await page.context().close();
    },
    120_000,
  );

  describe('by keys alone', () => {
    let page: Page;
    beforeAll(async () => {
      page = await opened(browser, w, { ...WIDE, path: '/' });
    });
    afterAll(async () => await page?.context().close());

    it.each(PAGES)('%s: Tab comes by everything that can be operated, and it is seen where one is', async (path) => {
      await at(page, path);
      const stops = await walked(page);
      const visible = (await page.evaluate(
        `[...document.querySelectorAll(${JSON.stringify(OPERABLE)})].filter((e) => e.checkVisibility()).map((e) => ({ n: Number(e.dataset.n), name: e.textContent }))`,
      )) as { n: number; name: string }[];
      expect(visible.length).toBeGreaterThan(10);
      const left = visible.filter((v) => !stops.some((s) => s.n === v.n)).map((v) => v.name);
      expect(left).toEqual([]);
      expect(stops.filter((s) => Number.parseFloat(s.outline || '0') < 2).map((s) => s.name)).toEqual([]);
    });

    it.each(PAGES)('%s: Enter asks, Escape leaves it, and one is where one was', async (path) => {
      await at(page, path);
      const acts = page.locator('.act > button:enabled');
      const names = await acts.allTextContents();
      expect(names.length).toBeGreaterThan(0);
      for (const [i, name] of names.entries()) {
        await acts.nth(i).focus();
        await page.keyboard.press('Enter');
        expect(await page.locator('dialog[open]').count(), name).toBe(1);
        expect(await page.textContent('dialog[open]'), name).toMatch(/tw \w+/);
        if (i === 0) expect(await violations(page), name).toEqual([]);
        await page.keyboard.press('Escape');
        expect(await page.locator('dialog[open]').count(), name).toBe(0);
        expect(await acts.nth(i).evaluate((e) => e === document.activeElement), name).toBe(true);
      }
    });
  });

  it('"Roll back everywhere" from every page: two presses, no typing, four keys; the last time for real', async () => {
    const page = await opened(browser, w, { ...WIDE, path: '/' });
    let asked = 0;
    await page.route('**/api/v1/commands/rollback', (r) => {
      asked += 1;
      return asked < PAGES.length
        ? r.fulfill({ json: { apiVersion: 'tradewind/v1', kind: 'Release', data: {}, meta: { verb: 'rollback' } } })
        : r.continue();
    });
    for (const [i, path] of PAGES.entries()) {
      await at(page, path);
      await page.locator('header.top .act > button:has-text("Roll back everywhere")').waitFor();
      for (const key of ['Tab', 'Tab', 'Enter', 'Enter']) await page.keyboard.press(key);
      await expect.poll(() => asked, { ...SOON, message: path }).toBe(i + 1);
    }
    await expect.poll(() => w.world.shop.live(), SOON).toEqual(['v1', 'v1', 'v1']);
    await page.context().close();
  }, 120_000);

  it('arcs flow to the cluster that serves, and stand still for whoever wants no motion', async () => {
    const moving = `document.getAnimations().filter((a) => a.playState === 'running').length`;
    for (const [reducedMotion, runs] of [
      ['no-preference', true],
      ['reduce', false],
    ] as const) {
      const page = await opened(browser, w, { ...WIDE, path: '/' });
      await page.emulateMedia({ reducedMotion });
      await page.waitForSelector('.world .arc.middle');
      expect(((await page.evaluate(moving)) as number) > 0, reducedMotion).toBe(runs);
      await page.context().close();
    }
  });
});
