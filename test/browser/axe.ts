import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds, put in from outside of the page: its own policy lets no script in. */
export async function violations(page: Page): Promise<string[]> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Runtime.evaluate', { expression: AXE });
  const expression = `axe.run(document).then((r) => JSON.stringify(r.violations.map((v) => v.id + ' ' + v.nodes[0].target)))`;
  const { result } = await cdp.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  return JSON.parse(result.value as string) as string[];
}
