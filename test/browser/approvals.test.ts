import { userInfo } from 'node:os';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/chat/adapters/lab.ts';
import type { Question } from '../../src/commands/access/machine/approval.ts';
import { approvalOf, open } from '../../src/commands/book/approvals.ts';
import { records } from '../../src/commands/book/audit.ts';
import type { Context } from '../../src/commands/index.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { tokenCreate } from '../../src/commands/tokens.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { APP, World } from '../transcripts/chat-doors/world.ts';
import { violations } from './axe.ts';
import { chromium, served } from './rig.ts';

/** Approvals in a real browser: ana signs in from this machine, bo and eve with tokens; eve has no right to vote. */
const stop = new AbortController();
let world: World;
let browser: Browser;
let url = '';
const tokens: Record<string, string> = {};
let running: Promise<unknown>;

type Look = { width: number; theme: 'light' | 'dark' };
const WIDE: Look = { width: 1440, theme: 'light' };

async function opened(path: string, o: Look, person = 'ana'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  const secret = tokens[person];
  if (secret === undefined) await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
  else {
    await page.goto(url);
    await page.fill('form input', secret);
    await page.press('form input', 'Enter');
  }
  await page.waitForSelector('main h1');
  await page.goto(`${url}${path}`);
  await page.waitForSelector('main h1');
  await page.waitForSelector('.connection.live');
  return page;
}

/** Somebody asks, as the gate would. */
async function asks(version: string, plan: string, ttlMs = 600_000): Promise<string> {
  const q: Question = {
    fleet: 'demo',
    verb: 'release',
    args: { target: `${APP}@${version}` },
    app: APP,
    clusters: ['mtl', 'sao', 'syd'],
    requester: 'ana',
    config: 'c',
    policy: 'p',
    plan,
    facts: {},
  };
  const rule = { quorum: 2, notRequester: true, ttlMs };
  return (await open(world.book(), q, { rule, now: systemClock.now() })).approval.id;
}

const card = (page: Page) => page.locator('section.card:has(h2:text-is("Waiting for approval"))');
const row = (page: Page, text: string) => card(page).locator('li', { hasText: text });
const dialog = (page: Page) => page.locator('dialog[open]');
const votesOf = (page: Page, verb: 'Approve' | 'Deny', text: string) =>
  row(page, text).getByRole('button', { name: verb });
const nothing = (page: Page) => card(page).getByText('Nothing waits for approval.').waitFor({ timeout: 5000 });
const focused = (page: Page) => page.evaluate('document.activeElement.id');

/** Gives a command without the dashboard. */
async function posts(person: string, verb: string, args: object): Promise<[number, string]> {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': `${person}-${verb}-by-hand`,
    authorization: `Bearer ${tokens[person]}`,
  };
  const r = await fetch(`${url}/api/v1/commands/${verb}`, { method: 'POST', headers, body: JSON.stringify(args) });
  return [r.status, ((await r.json()) as { code: string }).code];
}

async function planned(page: Page, version: string): Promise<void> {
  await page.goto(`${url}/releases`);
  await page.getByLabel('Version to release').fill(version);
  await page.getByRole('button', { name: 'Plan it' }).click();
}

/** On the page of the releases: the plan, then exactly that. */
async function presses(page: Page, version: string): Promise<void> {
  await planned(page, version);
  await page.getByRole('button', { name: `Release ${version}` }).click();
  await dialog(page)
    .getByRole('button', { name: `Release ${version}` })
    .click();
}

describe.skipIf(noChromium())('approvals (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    const account = (p: string, stateDir: string): string => {
      if (p === 'ana') return `os:${userInfo().username}`;
      const c = { stateDir, clock: systemClock, journal: () => ({ append: () => undefined }) } as unknown as Context;
      const made = tokenCreate(c, { name: p, role: 'operate', days: 1 }).data as { id: string; token: string };
      tokens[p] = made.token;
      return `http:${made.id}`;
    };
    world = new World(account);
    await world.shop.stand();
    const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
    const door = new LabDoor({ lab, place: () => undefined, config: async () => world.shop.config });
    const engine = async (call: Parameters<World['context']>[0]) => ({ ...world.context(call), clock: systemClock });
    const deps = world.server({ lab: door, web: webFiles, engine });
    ({ url, ended: running } = await served(deps, { signal: stop.signal }));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    stop.abort();
    await running;
    await world?.close();
  });

  it('asked, shown to everybody at once, not by oneself, not without the right, approved by the other, done', async () => {
    const [ana, bo, eve] = [
      await opened('/releases', WIDE),
      await opened('/plan', WIDE, 'bo'),
      await opened('/plan', WIDE, 'eve'),
    ];
    await nothing(bo);
    await presses(ana, 'v2');
    await ana.getByRole('link', { name: 'See who has to agree' }).first().click();
    await row(ana, `tw release ${APP}@v2`).waitFor();
    expect([new URL(ana.url()).pathname, await focused(ana), await dialog(ana).count()]).toEqual([
      '/plan',
      'approvals',
      0,
    ]);
    await row(bo, `tw release ${APP}@v2`).waitFor({ timeout: 5000 });
    expect(await row(bo, APP).textContent()).toMatch(
      /asked by ana, guestbook on mtl, sao, syd, plan \w+.*, until .* \(\d+ h \d+ min\)Nobody has voted\. 1 vote is missing\./,
    );
    await expect.poll(() => bo.textContent('[aria-live=polite]')).toMatch(/^ana asks for approval of tw release/);
    expect(await bo.getByRole('link', { name: /^Plan/ }).textContent()).toContain('1 waiting for approval');

    await votesOf(ana, 'Approve', APP).focus();
    await ana.keyboard.press('Enter');
    await dialog(ana).getByText('With your yes ana may do it, once').waitFor();
    expect(await violations(ana)).toEqual([]);
    await ana.keyboard.press('Enter');
    await dialog(ana).getByText('ana asked for it and may not approve it').waitFor();
    await ana.keyboard.press('Escape');
    await card(ana).getByText(`Your yes to tw release ${APP}@v2 does not count: TW6111`).waitFor();

    expect(await votesOf(eve, 'Approve', APP).isDisabled()).toBe(true);
    expect(await row(eve, APP).locator('.denied').allTextContents()).toEqual([
      `eve has no right "approve" on ${APP}; may: ana, bo`,
      `eve has no right "approve" on ${APP}; may: ana, bo`,
    ]);
    // The button is a hint: whoever asks without it is refused by the server.
    const approval = ((await votesOf(eve, 'Approve', APP).textContent()) ?? '').replace('Approve ', '');
    expect(await posts('eve', 'approve', { approval })).toEqual([403, 'TW6101']);
    expect(await posts('eve', 'release', { target: `${APP}@v2`, yes: true })).toEqual([403, 'TW6101']);
    await planned(eve, 'v2');
    await eve.getByText(`eve has no right "forward" on ${APP}; may: ana, bo`).waitFor();
    expect(await eve.getByRole('button', { name: 'Release v2' }).isDisabled()).toBe(true);

    await votesOf(bo, 'Approve', APP).focus();
    await bo.keyboard.press('Enter');
    await dialog(bo).waitFor();
    await bo.keyboard.press('Enter');
    await card(bo).getByText(`Your yes to tw release ${APP}@v2 counts.`).waitFor();
    expect(await focused(bo)).toBe('approvals');
    for (const page of [ana, bo]) {
      await row(page, 'bo: yes. Approved and not done yet').waitFor({ timeout: 5000 });
      expect(await votesOf(page, 'Approve', APP).isDisabled()).toBe(true);
    }
    await presses(ana, 'v2');
    await nothing(bo);
    // Looking at the page again and again is refused to nobody, and leaves nothing in the audit.
    const refused = (await records(world.book())).filter((r) => r.what === 'refused');
    expect(refused.map((r) => `${r.person} ${(r.data as { code: string }).code}`)).toEqual([
      'ana TW6110',
      'eve TW6101',
      'eve TW6101',
    ]);
    for (const page of [ana, bo, eve]) await page.context().close();
  }, 90_000);

  it('what moved or ended while its question was open is told there; a no needs a reason and ends it', async () => {
    const bo = await opened('/plan', WIDE, 'bo');
    const yes = async (): Promise<void> => {
      await dialog(bo).getByRole('button', { name: 'Approve' }).click();
    };
    const first = await asks('v3', 'plan-1');
    await votesOf(bo, 'Approve', first).click();
    await dialog(bo).getByText('After your yes 1 more is missing.').waitFor();
    const second = await asks('v3', 'plan-2', 8000);
    await row(bo, second).waitFor({ timeout: 5000 });
    await row(bo, first).getByText('It is over').waitFor();
    await yes();
    await dialog(bo).getByText('moved: the plan: plan-1 → plan-2').waitFor();
    await bo.keyboard.press('Escape');
    await expect.poll(() => row(bo, first).count()).toBe(0);

    await votesOf(bo, 'Approve', second).click();
    await row(bo, second).getByText('It is over').waitFor({ timeout: 15_000 });
    await yes();
    await dialog(bo).getByText('it expired; that is a no').waitFor();
    await bo.keyboard.press('Escape');

    const third = await asks('v4', 'plan-3');
    await votesOf(bo, 'Deny', third).focus();
    await bo.keyboard.press('Enter');
    await dialog(bo).getByText('one no ends the question').waitFor();
    expect(await violations(bo)).toEqual([]);
    await bo.keyboard.press('Enter');
    expect((await approvalOf(world.book(), third)).state).toBe('open');
    await bo.keyboard.type('the cache is cold');
    await bo.keyboard.press('Enter');
    await card(bo).getByText(`Your no to tw release ${APP}@v4 counts.`).waitFor();
    await nothing(bo);
    expect(await approvalOf(world.book(), third)).toMatchObject({
      state: 'denied',
      votes: [{ person: 'bo', says: 'no', because: 'the cache is cold' }],
    });
    await bo.context().close();
  }, 90_000);

  it.each(
    ([390, 768, 1440] as const).flatMap((width) => (['light', 'dark'] as const).map((theme) => ({ width, theme }))),
  )(
    '$width px, $theme: axe finds nothing, nothing sticks out',
    async (o) => {
      const id = await asks('v2-of-a-name-that-is-as-long-as-names-of-versions-are', 'plan-of-a-long-name-0123456789');
      const page = await opened('/plan', o, 'bo');
      await row(page, id).waitFor({ timeout: 5000 });
      const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect([await violations(page), await page.evaluate(wide)]).toEqual([[], 0]);
      // The page's name with the number is in sight, however narrow the list of pages is.
      const seen = 'document.querySelector("nav [aria-current]").getBoundingClientRect().right <= innerWidth';
      expect(await page.evaluate(seen)).toBe(true);
      await votesOf(page, 'Deny', id).click();
      expect([await violations(page), await page.evaluate(wide)]).toEqual([[], 0]);
      await page.context().close();
    },
    60_000,
  );
});
