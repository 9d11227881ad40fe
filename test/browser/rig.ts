import type { Browser } from 'playwright-core';
import type { ServerDeps } from '../../src/server/index.ts';
import { serve } from '../../src/server/index.ts';
import { CHROMIUM } from '../e2e/converse.ts';

/** Chromium without a window. */
export async function chromium(): Promise<Browser> {
  const { chromium: engine } = await import('playwright-core');
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return await engine.launch({ executablePath: CHROMIUM as string, args });
}

/** A real server until the signal fires; resolves with its address once it listens. */
export function served(
  deps: ServerDeps,
  o: { signal: AbortSignal; port?: number },
): Promise<{ url: string; ended: Promise<void> }> {
  return new Promise((go, failed) => {
    const ready = (url: string): void => go({ url, ended });
    const ended = serve(deps, { port: o.port ?? 0, host: '127.0.0.1' }, { ready, signal: o.signal });
    ended.catch(failed);
  });
}
