import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fault, replaceFile, startOf, text } from '../kernel/index.ts';
import type { Context } from './context.ts';
import type { Outcome } from './model.ts';
import { accessOf } from './tokens.ts';

/** The server of a project, as its file tells it. */
export interface Serving {
  url: string;
  pid: number;
  /** Start time of the process as the kernel tells it. */
  started: string;
  host: string;
}

const file = (stateDir: string): string => join(stateDir, 'serve.json');

/** The server that runs now for this project; a file that a dead one left is none. */
export function servingAt(stateDir: string): Serving | undefined {
  try {
    const found = JSON.parse(readFileSync(file(stateDir), 'utf8')) as Serving;
    const alive = found.host !== hostname() || startOf(found.pid) === found.started;
    return alive ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Says where this process serves; the returned function takes it back. */
export function announce(stateDir: string, url: string): () => void {
  const me: Serving = { url, pid: process.pid, started: startOf(process.pid) ?? '', host: hostname() };
  replaceFile(file(stateDir), `${JSON.stringify(me, null, 2)}\n`);
  return () => {
    if (servingAt(stateDir)?.pid === process.pid) rmSync(file(stateDir), { force: true });
  };
}

const CODE_MS = 600_000;

/** HMAC-SHA-256, base64url. */
export const signed = (key: string, what: string): string => createHmac('sha256', key).update(what).digest('base64url');

/** Equal without telling by its time where they differ. */
export function sameText(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}

/** A code that signs a browser in; whoever can read the project's own files can make one. */
export function loginCode(key: string, now: number): string {
  const body = `${(now + CODE_MS).toString(36)}.${randomBytes(16).toString('base64url')}`;
  return `${body}.${signed(key, `code ${body}`)}`;
}

/** The code is ours and in time; that it is used once is up to the caller, by its text. */
export function isLoginCode(key: string, code: string, now: number): boolean {
  const [until = '', nonce = '', mac = ''] = code.split('.');
  return sameText(mac, signed(key, `code ${until}.${nonce}`)) && Number.parseInt(until, 36) > now;
}

export const loginUrl = (c: Pick<Context, 'stateDir' | 'clock'>, url: string): string =>
  `${url}/#code=${loginCode(accessOf(c.stateDir).key, c.clock.now())}`;

/** `tw dashboard`. Throws TW8014. */
export function dashboard(c: Context): Outcome {
  const serving = servingAt(c.stateDir);
  if (serving === undefined)
    throw fault('TW8014', {
      value: c.stateDir,
      fix: [{ say: 'Start one, and leave it running:', command: 'tw serve' }],
    });
  const url = loginUrl(c, serving.url);
  const rows = [{ key: 'url', tone: 'ok' as const, label: [text(url)], cells: {}, kids: [] }];
  return { data: { url, address: serving.url, pid: serving.pid }, view: { at: c.clock.now(), rows } };
}
