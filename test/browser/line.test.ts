import { userInfo } from 'node:os';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/chat/adapters/lab.ts';
import { inLine, takeTurn } from '../../src/commands/book/line.ts';
import type { Context } from '../../src/commands/index.ts';
import { runCommand } from '../../src/commands/index.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { tokenCreate } from '../../src/commands/tokens.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { APP, World } from '../transcripts/chat-doors/world.ts';
import { violations } from './axe.ts';
import { chromium, served } from './rig.ts';

/** The line of commands in a real browser: ana is who signs in from this machine, bo types in Slack, eve has a token. */
const stop = new AbortController();
let world: World;
let browser: Browser;
let url = '';
let token = '';
let running: Promise<unknown>;

type Look = { width: number; theme: 'light' | 'dark' };
const WIDE: Look = { width: 1440, theme: 'light' };

async function opened(path: string, o: Look, secret?: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  if (secret === undefined) await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
  else {
    await page.goto(url);
    await page.fill('form input', secret);
    await page.press('form input', 'Enter');
  }
  await page.waitForSelector('main h1');
  await page.goto(`${url}${path}`);
  await page.waitForSelector('main h1');
  return page;
}

/** Somebody has the turn until the returned function is called. */
async function runs(what: string, by: string): Promise<() => Promise<void>> {
  const wish = { command: what, verb: 'release', app: APP, clusters: ['mtl', 'sao', 'syd'], what, by, door: 'slack' };
  const keys = wish.clusters.map((c) => `${APP}/${c}`);
  const o = { clock: systemClock, signal: stop.signal, wait: true, waits: () => undefined };
  const turn = await takeTurn(world.book(), { ...wish, keys }, o);
  return async () => await turn?.leave();
}

/** A release of bo, typed in Slack, through the gate; how it ends, once it is told to stop at the latest. */
function released(version: string, signal = stop.signal): Promise<string> {
  const call = { verb: 'release', args: { target: `${APP}@${version}`, on: [] } };
  const from = { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'bo' } };
  return runCommand(
    { ...world.context(call), clock: systemClock },
    { ...call, from },
    { ...world.shop.io(), signal },
  ).then(
    () => 'done',
    (e: Error) => e.message,
  );
}

const strip = (page: Page) => page.locator('header.top .line');
const card = (page: Page) => page.locator('section.card:has(h2:text-is("The line"))');
async function idOf(version: string): Promise<string> {
  for (;;) {
    const found = (await inLine(world.book())).find((p) => p.what.endsWith(version));
    if (found !== undefined) return found.id;
    await systemClock.sleep(5);
  }
}
const cancelOf = (page: Page, id: string) => page.getByRole('button', { name: `Cancel ${id}` });

describe.skipIf(noChromium())('the line (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    const account = (p: string, stateDir: string): string => {
      if (p === 'ana') return `os:${userInfo().username}`;
      if (p === 'bo') return 'slack:T1:bo';
      const c = { stateDir, clock: systemClock, journal: () => ({ append: () => undefined }) } as unknown as Context;
      const made = tokenCreate(c, { name: 'eve', role: 'operate', days: 1 }).data as { id: string; token: string };
      token = made.token;
      return `http:${made.id}`;
    };
    world = new World(account, { approvals: [{ quorum: 0 }] });
    await world.shop.stand();
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

  it('a command that waits is on every page at once; it is cancelled by keys alone, and is told so', async () => {
    const page = await opened('/fleet', WIDE);
    await page.waitForSelector('.connection.live');
    expect(await strip(page).count()).toBe(0);
    const leave = await runs(`release ${APP}@v2`, 'ana');
    await strip(page).getByText(`tw release ${APP}@v2 by ana runs`).waitFor({ timeout: 3000 });
    const end = released('v3');
    await strip(page).getByText('runs, 1 waits').waitFor({ timeout: 3000 });
    await expect.poll(() => page.textContent('[aria-live=polite]')).toBe(`c2, tw release ${APP}@v3 by bo, waits`);
    await strip(page).locator('summary').focus();
    await page.keyboard.press('Enter');
    const row = strip(page).locator('li').nth(1);
    expect(await row.textContent()).toMatch(/tw release guestbook@v3 c2 waits for \d+ s behind c1 by bo \(slack\), on/);
    expect(await cancelOf(page, 'c1').isDisabled()).toBe(true);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel c2');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    expect(await page.textContent('dialog[open]')).toContain('tw cancel c2');
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await strip(page).getByText(`c2 tw release ${APP}@v3 is cancelled`).waitFor();
    await expect.poll(() => strip(page).locator('li').count()).toBe(1);
    expect(await end).toMatch(/TW6206/);
    expect(await page.evaluate('document.activeElement.id')).toBe('line');
    await leave();
    await expect.poll(() => strip(page).locator('li').count(), { timeout: 3000 }).toBe(0);
    await page.context().close();
  }, 60_000);

  it('the whole line is in the history; whoever may not cancel, or comes too late, is told why', async () => {
    const leave = await runs(`release ${APP}@v4`, 'ana');
    const second = runs(`release ${APP}@v5`, 'bo');
    const id = await idOf('v5');
    const page = await opened('/history', WIDE);
    const eve = await opened('/history', WIDE, token);
    const asked = async (p: Page): Promise<void> => {
      await card(p)
        .getByRole('button', { name: `Cancel ${id}` })
        .click();
      await p.waitForSelector('dialog[open]');
    };
    const sure = (p: Page): Promise<void> => p.click(`dialog[open] button:has-text("Cancel ${id}")`);
    const off = card(eve).locator('.act', { has: cancelOf(eve, id) });
    await off.waitFor();
    expect([await cancelOf(eve, id).first().isDisabled(), await off.locator('.denied').textContent()]).toEqual([
      true,
      `eve has no right "safe" on ${APP}; may: ana, bo`,
    ]);
    // The button is a hint: whoever asks without it is refused by the server.
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': `no-${id}-cancel`,
      authorization: `Bearer ${token}`,
    };
    const refused = await fetch(`${url}/api/v1/commands/cancel`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ id }),
    });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'TW6101']);
    // Its turn comes while it is asked: the question stays, and the answer is no.
    await asked(page);
    await leave();
    const over = await second;
    await card(page).getByText(`${id} runs for`).waitFor();
    await sure(page);
    await page.locator('dialog[open]').getByText('TW6207').waitFor();
    await page.keyboard.press('Escape');
    await strip(page).getByText(`${id} tw release ${APP}@v5 is not cancelled: TW6207`).waitFor();
    await over();
    await card(page).getByText('Nothing changes the fleet and nothing waits.').waitFor({ timeout: 3000 });
    await page.context().close();
    await eve.context().close();
  }, 60_000);

  it.each(
    ([390, 768, 1440] as const).flatMap((width) => (['light', 'dark'] as const).map((theme) => ({ width, theme }))),
  )(
    '$width px, $theme: axe finds nothing, nothing sticks out, open and shut',
    async (o) => {
      const leave = await runs(`release ${APP}@v2-of-a-name-that-is-as-long-as-names-of-versions-are`, 'ana');
      const gone = new AbortController();
      const end = released('v6', gone.signal);
      const page = await opened('/history', o);
      await strip(page).getByText('1 waits').waitFor();
      for (const open of [false, true]) {
        if (open) await strip(page).locator('summary').click();
        expect(await violations(page)).toEqual([]);
        const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        expect(await page.evaluate(wide)).toBe(0);
      }
      gone.abort();
      expect(await end).toMatch(/TW6206/);
      await leave();
      await page.context().close();
    },
    60_000,
  );
});
