// From a fact in the journal to what a person sees: another process appends, the dashboard of a real server in a headless
// Chromium changes. Beside it a page of the same browser that asks once a second, for the same facts.
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { Lab } from '../src/chat/adapters/lab.ts';
import { loginUrl } from '../src/commands/serving.ts';
import { LabDoor } from '../src/compose/lab.ts';
import { webFiles } from '../src/compose/web.ts';
import { openJournal, systemClock } from '../src/kernel/index.ts';
import { serve } from '../src/server/index.ts';
import { CHROMIUM } from '../test/e2e/converse.ts';
import { World } from '../test/transcripts/chat-doors/world.ts';
import { median, ms, quantile, type Row, table } from './lib/measure.ts';

const FACTS = 100;
const WARM = 5;
/** Between two facts: no multiple of anybody's interval. Milliseconds. */
const gapMs = (i: number): number => 211 + ((i * 137) % 397);
const now = (): number => performance.timeOrigin + performance.now();

if (CHROMIUM === undefined) throw new Error('chromium is missing: apt-get install chromium');

interface Seen {
  /** Wall time at which the words stood in the document, by name. */
  dom: Record<string, number>;
  /** And at which a frame with them was drawn. */
  frame: Record<string, number>;
}

/** Keeps when each `bench-<n>` is first in the document. */
async function watchDocument(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: Seen = { dom: {}, frame: {} };
    Object.assign(globalThis, { seen });
    const at = (): number => performance.timeOrigin + performance.now();
    new MutationObserver(() => {
      for (const [name] of (document.body.textContent ?? '').matchAll(/bench-\d+(?=x)/g)) {
        if (seen.dom[name] !== undefined) continue;
        seen.dom[name] = at();
        requestAnimationFrame(() => (seen.frame[name] = at()));
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

/** The page that asks once a second. */
async function pollRuns(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: Seen = { dom: {}, frame: {} };
    Object.assign(globalThis, { seen });
    setInterval(() => {
      void fetch('/api/v1/views/runs')
        .then(async (r) => await r.text())
        .then((text) => {
          for (const [name] of text.matchAll(/bench-\d+(?=x)/g))
            seen.dom[name] ??= performance.timeOrigin + performance.now();
        });
    }, 1000);
  });
}

const seenIn = async (page: Page): Promise<Seen> =>
  await page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);

const stop = new AbortController();
const world = new World();
await world.shop.stand();
const file = join(world.dir, 'journal.db');
const [served, other] = [openJournal(file), openJournal(file)];
const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
const door = new LabDoor({ lab, place: () => 'real', config: async () => world.shop.config });
const { promise: ready, resolve: told } = Promise.withResolvers<string>();
const deps = world.server({ lab: door, web: webFiles, journal: served });
const serving = serve(deps, { port: 0, host: '127.0.0.1' }, { ready: told, signal: stop.signal });
const { chromium } = await import('playwright-core');
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: CHROMIUM, args });
try {
  const url = await ready;
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(loginUrl({ stateDir: world.dir, clock: systemClock }, url));
  await page.waitForSelector('main h1');
  await page.goto(`${url}/history`);
  await page.waitForSelector('.connection.live');
  await watchDocument(page);
  const asking = await context.newPage();
  await asking.goto(`${url}/healthz`);
  await pollRuns(asking);
  // A page behind another one draws once a second.
  await page.bringToFront();

  const at = new Map<string, number>();
  for (let i = 0; i < FACTS + WARM; i++) {
    const [name, run] = [`bench-${i}`, `run-${i}`];
    if (i >= WARM) at.set(name, now());
    other.append({ kind: 'command.start', run, data: { verb: `${name}x`, args: {}, pid: process.pid } });
    await systemClock.sleep(gapMs(i));
    other.append({ kind: 'command.end', run, data: { exit: 0, problems: [] } });
  }
  await systemClock.sleep(2500);
  const [live, polled] = await Promise.all([seenIn(page), seenIn(asking)]);
  const took = (seen: Record<string, number>): number[] =>
    [...at].map(([name, since]) => (seen[name] ?? Number.POSITIVE_INFINITY) - since);
  const [dom, frame, asked] = [took(live.dom), took(live.frame), took(polled.dom)];
  const rows = (
    [
      ['in the document', dom],
      ['in a frame', frame],
    ] as const
  ).flatMap(([name, list]): Row[] => [
    { name: `${name}, p50`, ours: ms(median(list)), peer: ms(median(asked)), ratio: median(list) / median(asked) },
    {
      name: `${name}, p95`,
      ours: ms(quantile(list, 0.95)),
      peer: ms(quantile(asked, 0.95)),
      ratio: quantile(list, 0.95) / quantile(asked, 0.95),
      goal: '≤ 200 ms, ≤ 0.2',
    },
  ]);
  table(`a fact of another process on the screen (${FACTS} facts; peer: the same server asked once a second)`, rows);
} finally {
  await browser.close();
  stop.abort();
  await serving;
  other.close();
  served.close();
  await world.close();
}
