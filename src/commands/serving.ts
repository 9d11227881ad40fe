import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  changeFile,
  fault,
  type ProcessId,
  type Row,
  readFile,
  stillRuns,
  text,
  thisProcess,
} from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { clusterOf, handedTo } from './handed.ts';
import type { Outcome } from './model.ts';
import { accessOf } from './tokens.ts';

/** The server of a project, as its file tells it. */
export interface Serving extends ProcessId {
  url: string;
}

const file = (stateDir: string): string => join(stateDir, 'serve.json');

/** The server that runs now for this project; a file that a dead one left is none. */
export function servingAt(stateDir: string): Serving | undefined {
  try {
    const found = JSON.parse(readFileSync(file(stateDir), 'utf8')) as Serving;
    return stillRuns(found, true) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Address of the dashboard for whoever asks; that of a pod's own loopback is nobody's but its own. */
export function dashboardOf(c: Pick<Context, 'stateDir' | 'standsAt'>): string | null {
  const url = servingAt(c.stateDir)?.url ?? null;
  return c.standsAt !== undefined && url?.startsWith('https:') !== true ? null : url;
}

/** Says where this process serves; the returned function takes it back. */
export function announce(stateDir: string, url: string): () => void {
  const me: Serving = { url, ...thisProcess() };
  const mine = `${JSON.stringify(me, null, 2)}\n`;
  changeFile(file(stateDir), () => mine);
  return () => {
    if (readFile(file(stateDir)) === mine) changeFile(file(stateDir), (now) => (now === mine ? undefined : now));
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

const addressRow = (url: string): Row => ({ key: 'url', tone: 'ok', label: [text(url)], cells: {}, kids: [] });

/** Of a server in a cluster: a way there stays open until it is interrupted. */
async function dashboardInPod(c: Context, address: string, io: Io): Promise<Outcome> {
  const { linkInPod } = await import('./server-pod.ts');
  const cluster = clusterOf(address) ?? '';
  const [way, link] = await Promise.all([c.reach?.(cluster), linkInPod(c)]);
  if (way === undefined || link === undefined) throw fault('TW8014', { value: address });
  // A program cannot keep the way open: it gets the address that `tw login` takes.
  const url = io.machine ? link : link.replace(address, way.url);
  const view = { at: c.clock.now(), rows: [addressRow(url)] };
  io.show(view);
  if (!io.machine) await new Promise((done) => io.signal.addEventListener('abort', done, { once: true }));
  return { data: { url, address, pid: null }, view };
}

/** `tw dashboard`. Throws TW8014, TW8031, TW8043. */
export async function dashboard(c: Context, io: Io): Promise<Outcome> {
  const serving = servingAt(c.stateDir);
  const handed = handedTo(c.stateDir);
  if (serving === undefined && handed !== undefined) return await dashboardInPod(c, handed, io);
  if (serving === undefined)
    throw fault('TW8014', {
      value: c.stateDir,
      fix: [{ say: 'Start one, and leave it running:', command: 'tw serve' }],
    });
  const url = loginUrl(c, serving.url);
  return {
    data: { url, address: serving.url, pid: serving.pid },
    view: { at: c.clock.now(), rows: [addressRow(url)] },
  };
}
