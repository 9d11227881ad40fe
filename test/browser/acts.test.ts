import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { barriers } from '../../src/commands/book/barriers.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { noChromium } from '../e2e/converse.ts';
import { APP } from '../transcripts/chat-doors/world.ts';
import { chromium } from './rig.ts';
import { FACTS, opened, type Whole, whole } from './whole.ts';

/** What the pages show and do: each fact comes from the server, and each act arrives there. */
const WIDE = { width: 1440, theme: 'light' } as const;
/** On a machine that is busy. */
const SOON = { timeout: 20_000 };
let browser: Browser;
let w: Whole;

const card = (page: Page, title: string) => page.locator(`section.card:has(> header h2:text-is("${title}"))`);
const row = (page: Page, title: string, text: string) =>
  card(page, title).locator('tbody tr', { has: page.locator('th', { hasText: text }) });
const dialog = (page: Page) => page.locator('dialog[open]');
async function pressed(page: Page, name: string, title?: string): Promise<void> {
  await (title === undefined ? page.locator('main') : card(page, title))
    .locator('.act > button', { hasText: name })
    .first()
    .click();
}
const confirmed = (page: Page): Promise<void> => dialog(page).locator('button[type=submit]').click();
const at = (path: string, person?: string): Promise<Page> =>
  opened(browser, w, { ...WIDE, path, ...(person === undefined ? {} : { token: w.tokens[person] as string }) });

describe.skipIf(noChromium())('what the pages show and do (needs Chromium)', () => {
  beforeAll(async () => {
    browser = await chromium();
    w = await whole();
    await w.say('release', { target: `${APP}@v2`, yes: true, on: [] });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await w?.end();
  });

  describe('Settings', () => {
    it('a freeze in two presses and no typing, with its line; it is lifted; the calendar has no button', async () => {
      const page = await at('/settings');
      await pressed(page, 'Freeze');
      expect(await dialog(page).textContent()).toContain('tw freeze --because "set on the dashboard"');
      await page.selectOption('dialog[open] select >> nth=0', APP);
      expect(await dialog(page).textContent()).toContain(`tw freeze ${APP} --because`);
      await confirmed(page);
      const f1 = row(page, 'Freezes, locks and incidents', 'freeze f1');
      await f1.waitFor();
      expect(await f1.textContent()).toMatch(
        /guestbook.*ana.*set on the dashboard.*when it is lifted.*nobody has the right/s,
      );
      await f1.locator('.act > button').click();
      await confirmed(page);
      await f1.waitFor({ state: 'detached' });
      expect(await barriers(w.world.book(), systemClock.now())).toEqual([]);
      // Its row is gone: one goes on at the content, not at the top of the page.
      await expect.poll(() => page.evaluate(() => document.activeElement?.id), SOON).toBe('main');
      const night = row(page, 'Freezes, locks and incidents', 'nights');
      expect(await night.textContent()).toMatch(/00:00 to 00:01, America\/Sao_Paulo.*everything.*does not hold/s);
      await page.context().close();
    });

    it('a lock with owner, place and age; its owner ends it', async () => {
      await w.say('lock', { app: APP, on: ['syd'], because: 'database work', for: '4h' });
      const page = await at('/settings');
      const l1 = row(page, 'Freezes, locks and incidents', 'lock l1');
      await expect
        .poll(() => l1.textContent(), SOON)
        .toMatch(/guestbook on syd.*ana.*database work.*\d+ s.*in (4 h 0|3 h 59) min/s);
      await l1.locator('.act > button').click();
      expect(await dialog(page).textContent()).toContain('tw unlock l1');
      await confirmed(page);
      await l1.waitFor({ state: 'detached' });
      await page.context().close();
    });

    it('a token is made, shown once, used, seen to be used, revoked', async () => {
      const page = await at('/settings');
      await pressed(page, 'Make a token');
      await page.fill('dialog[open] input >> nth=0', 'grafana');
      expect(await dialog(page).textContent()).toContain('tw token create grafana --role look --days 90');
      await confirmed(page);
      const secret = (await page.locator('.secret code').textContent()) ?? '';
      const made = row(page, 'Tokens of the HTTP API', 'grafana');
      await made.waitFor();
      expect(await made.textContent()).toMatch(/never/);
      expect(await made.textContent()).toContain(secret.slice(0, 8));
      expect(await made.textContent()).not.toContain(secret.slice(0, 12));
      const asked = await fetch(`${w.url}/api/v1/session`, { headers: { authorization: `Bearer ${secret}` } });
      expect(asked.status).toBe(200);
      await expect.poll(() => made.textContent(), SOON).toMatch(/\d s ago/);
      await made.locator('.act > button').click();
      await confirmed(page);
      await made.waitFor({ state: 'detached' });
      const again = await fetch(`${w.url}/api/v1/session`, { headers: { authorization: `Bearer ${secret}` } });
      expect(again.status).toBe(401);
      await page.context().close();
    });

    it('who has no right sees every fact, and on each button why it is off', async () => {
      const page = await at('/settings', 'eve');
      await row(page, 'People', 'eve').waitFor();
      expect(await row(page, 'People', 'ana').textContent()).toMatch(
        /look safe forward destroy rule approve: everything.*os:/s,
      );
      const acts = page.locator('.act');
      expect(await acts.count()).toBeGreaterThan(4);
      for (const a of await acts.all()) {
        expect(await a.locator('> button').isDisabled()).toBe(true);
        expect(await a.locator('.denied').textContent()).toMatch(
          /your sign-in \(look\) may not: it needs (operate|admin)/,
        );
      }
      await page.context().close();
    });

    it('a role that is large enough is not a right of the config', async () => {
      const { rights } = w.config;
      w.config.rights = [
        { who: ['bo'], may: ['look', 'safe'] },
        { who: ['ana'], may: ['rule'] },
      ];
      const page = await at('/settings', 'bo');
      const why = page.locator('.act', { has: page.locator('> button:has-text("Make a token")') }).locator('.denied');
      expect(await why.textContent()).toBe('bo has no right "rule" on the fleet; may: ana');
      w.config.rights = rights;
      await page.context().close();
    });
  });

  describe('Fleet', () => {
    it('a cluster that falls silent keeps what it said, in grey, with its age and why; the others go on', async () => {
      const page = await at('/fleet');
      const syd = row(page, 'Clusters and apps', 'syd');
      await expect.poll(() => syd.textContent(), SOON).toMatch(/answers.*1\/1.*v2.*2\/2 ready/s);
      w.silent.add('syd');
      await expect.poll(() => syd.textContent(), SOON).toMatch(/last seen \d+ s ago.*ETIMEDOUT/s);
      expect(await syd.textContent()).toMatch(/1\/1.*v2.*2\/2 ready/s);
      expect(await syd.locator('td.old').count()).toBe(3);
      expect(await row(page, 'Clusters and apps', 'sao').textContent()).toContain('answers');
      w.silent.clear();
      await expect.poll(() => syd.textContent(), SOON).toContain('answers');
      await page.context().close();
    }, 60_000);

    it('differences as a plan says them, that plan applied; what destroys wants the name typed', async () => {
      const page = await at('/fleet');
      const op = { object: 'Deployment/web', namespace: APP, why: [], refused: null };
      const apps = [
        {
          name: APP,
          unchanged: 3,
          ops: [
            { ...op, kind: 'update' },
            { ...op, kind: 'delete', object: 'Service/old' },
          ],
        },
      ];
      const plan = {
        id: 'p-0123456789ab',
        changes: { infra: 0, fleet: 2, traffic: 0, total: 2 },
        roots: [{ root: 'cluster:sao', kind: 'unchanged', changes: [] }],
        clusters: [
          { name: 'sao', skipped: null, apps },
          { name: 'syd', skipped: 'TW3012', apps: [] },
        ],
        traffic: null,
        state: [
          {
            ...{ app: APP, mode: 'single-writer', home: 'mtl', estimated: false },
            prices: [
              { key: 'writes', say: 'a write takes 121 ms in sao, 1 ms in mtl' },
              { key: 'refused', say: 'the app may not use', which: 'admin commands; REPLICAOF' },
            ],
          },
        ],
      };
      const meta = { verb: 'plan', at: '', ms: 0 };
      const document = { apiVersion: 'tradewind/v1', kind: 'Plan', data: plan, missing: [], warnings: [], meta };
      await page.route('**/api/v1/commands/plan**', (r) => r.fulfill({ json: document }));
      const sent: unknown[] = [];
      await page.route('**/api/v1/commands/up', (r) => {
        sent.push(r.request().postDataJSON());
        return r.fulfill({ json: { ...document, kind: 'Up', data: {} } });
      });
      await page.click('button:has-text("Compare with the config")');
      const sao = row(page, 'Clusters and apps', 'sao');
      await expect.poll(() => sao.textContent(), SOON).toMatch(/as configured.*2 differences/s);
      expect(await row(page, 'Clusters and apps', 'syd').textContent()).not.toMatch(/difference|configured/);
      await pressed(page, 'Apply exactly this plan');
      const send = dialog(page).locator('button[type=submit]');
      expect([await send.isDisabled(), await dialog(page).textContent()]).toEqual([
        true,
        expect.stringContaining('1 of them destroy'),
      ]);
      await page.fill('dialog[open] input', 'dem');
      expect(await send.isDisabled()).toBe(true);
      await page.fill('dialog[open] input', 'demo');
      await send.click();
      await expect.poll(() => sent, SOON).toEqual([{ plan: plan.id }]);
      await page.click('button:has-text("Plan sao")');
      await page.waitForSelector('text=Service/old');
      expect(await page.locator('main').textContent()).toMatch(
        /State of \S+: single-writer, home mtl.*a write takes 121 ms in sao, 1 ms in mtl.*REPLICAOF/s,
      );
      expect(await page.locator('main select').inputValue()).toBe('sao');
      await page.context().close();
    });
  });

  describe('Traffic', () => {
    it('round trips of every group of users to every cluster, and what was wanted', async () => {
      const page = await at('/traffic');
      const cells = row(page, 'Measured map', '198.19.102.0/24').locator('td');
      await expect
        .poll(() => cells.allTextContents(), SOON)
        .toEqual(
          ['130 ms 12 samples', '130 ms ✓12 samples', '9 ms 40 samples'].map((t) =>
            expect.stringContaining(t.split(' ')[0] ?? ''),
          ),
        );
      expect(await card(page, 'Nameservers').textContent()).toMatch(
        /sao.*412 NOERROR, 3 NXDOMAIN.*syd does not answer.*timeout/s,
      );
      expect(await card(page, 'Intent').textContent()).toMatch(/fastest cluster.*30 s.*users of EU rather to mtl/s);
      await page.context().close();
    });

    it('what if a cluster is drained: who moves, from where to where; nothing is done', async () => {
      const page = await at('/traffic');
      await page.waitForSelector('.scroll tbody tr');
      await card(page, 'What if a cluster is drained?').locator('select').selectOption('sao');
      await page.click('button:has-text("What if?")');
      const moved = row(page, 'What if a cluster is drained?', '198.19.102.0/24');
      expect(await moved.textContent()).toMatch(/sao.*mtl.*130 ms → 130 ms/s);
      expect(await card(page, 'What if a cluster is drained?').textContent()).toContain(
        '2 groups of users move, 1 stay',
      );
      expect(w.done).toEqual([]);
      await page.context().close();
    });
  });

  describe('State', () => {
    it('home, copies and the story; the lag over time as a chart and as a table', async () => {
      const page = await at('/state');
      await page.waitForSelector('.chart canvas', { timeout: 20_000 });
      expect(await page.textContent('main .title')).toContain('home sao, epoch 7');
      expect(await page.textContent('main .scroll tbody tr:nth-child(3)')).toContain('via mtl');
      expect(await page.locator('main ol.steps li').allTextContents()).toEqual(FACTS.story);
      await page.click('summary:has-text("As a table")');
      const minute = page.locator('[aria-label="Lag by minute"] tbody tr').first();
      expect(await minute.textContent()).toMatch(/12 ms900 ms$/);
      const inked = await page.evaluate(() => {
        const c = document.querySelector<HTMLCanvasElement>('.chart canvas');
        const d = c?.getContext('2d')?.getImageData(0, 0, c.width, c.height).data ?? [];
        return new Set(
          Array.from({ length: d.length / 4 }, (_, i) =>
            d[i * 4 + 3] === 255 ? `${d[i * 4]},${d[i * 4 + 1]},${d[i * 4 + 2]}` : '',
          ),
        ).size;
      });
      expect(inked).toBeGreaterThan(3);
      await page.context().close();
    }, 60_000);

    it('home moves to a copy in step and to no other; a snapshot is put back when the name of the fleet is typed', async () => {
      const page = await at('/state');
      await page.waitForSelector('.scroll tbody tr');
      expect(await page.isDisabled('button:has-text("Move home to syd")')).toBe(true);
      await pressed(page, 'Move home to mtl');
      expect(await dialog(page).textContent()).toContain(`tw state move ${APP} --to mtl`);
      await confirmed(page);
      await expect.poll(() => w.done, SOON).toEqual(['move mtl']);
      await pressed(page, 'Restore');
      expect(await dialog(page).locator('button[type=submit]').isDisabled()).toBe(true);
      await page.fill('dialog[open] input', 'demo');
      await confirmed(page);
      await expect.poll(() => w.done.at(-1), SOON).toMatch(/^restore guestbook-2026/);
      await page.context().close();
    }, 30_000);
  });

  describe('History', () => {
    it('by person, verb, cluster and door; what is left is exported, a line each', async () => {
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': 'drain-of-this-test',
        authorization: `Bearer ${w.tokens['bo']}`,
      };
      const body = JSON.stringify({ cluster: 'mtl', because: 'kernel' });
      expect((await fetch(`${w.url}/api/v1/commands/drain`, { method: 'POST', headers, body })).status).toBe(200);
      const page = await at('/history');
      await row(page, 'Commands', 'tw drain').waitFor();
      const all = await row(page, 'Commands', 'tw').count();
      const filter = (name: string) => card(page, 'Commands').locator(`label:has-text("${name}") select`);
      await filter('cluster').selectOption('mtl');
      await filter('person').selectOption('bo');
      await filter('door').selectOption('http');
      await expect.poll(() => row(page, 'Commands', 'tw').count(), SOON).toBe(1);
      const coming = page.waitForEvent('download');
      await page.click('button:has-text("Export these 1")');
      const file = await (await coming).path();
      const lines = readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((l) => JSON.parse(l) as { verb: string; args: object });
      expect(lines).toMatchObject([
        { verb: 'drain', by: 'bo', door: 'http', args: { cluster: 'mtl', because: 'kernel' }, state: 'done' },
      ]);
      await page.click('button:has-text("Show all")');
      await expect.poll(() => row(page, 'Commands', 'tw').count(), SOON).toBe(all);
      const audit = page.waitForEvent('download');
      await page.click('button:has-text("Export the whole audit")');
      const records = readFileSync(await (await audit).path(), 'utf8')
        .trimEnd()
        .split('\n');
      expect(records.map((l) => (JSON.parse(l) as { what: string }).what)).toContain('started');
      await page.context().close();
    }, 30_000);

    it('a command opens the release that it wrote to', async () => {
      const { journal } = w.world.shop;
      const [record] = journal.read({ kind: 'release.record' }).toReversed();
      journal.append({
        kind: 'command.start',
        run: 'mine',
        data: { verb: 'release', args: { target: `${APP}@v2` }, pid: process.pid },
      });
      journal.append({ kind: 'release.record', run: 'mine', data: record?.data ?? null });
      const page = await at('/history');
      await page.click('a:has-text("release r1")');
      await page.waitForSelector('tr#r1');
      await expect.poll(() => page.evaluate(() => document.activeElement?.id), SOON).toBe('r1');
      expect(new URL(page.url()).pathname + new URL(page.url()).hash).toBe('/releases#r1');
      await page.context().close();
    }, 30_000);
  });
});
