// Converse.js in a browser: one window per person, served from its package as a web server would.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';

import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';

export const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** A test that needs a browser and has none is skipped; with TW_E2E=require that is an error. */
export function noChromium(): boolean {
  if (CHROMIUM === undefined && process.env['TW_E2E'] === 'require') throw new Error('chromium is missing');
  return CHROMIUM === undefined;
}

const DIST = fileURLToPath(new URL('.', import.meta.resolve('converse.js')));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.mp3': 'audio/mpeg',
};

export interface Wish {
  name: string;
  websocket: string;
  room: string;
}

const page = ({ name, websocket, room }: Wish): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${name}</title>
<link rel="stylesheet" href="/dist/converse.min.css"></head>
<body class="converse-fullscreen"><converse-root></converse-root>
<script type="module">
import converse from '/dist/converse.min.js';
converse.initialize(${JSON.stringify({
  view_mode: 'fullscreen',
  authentication: 'login',
  auto_login: true,
  jid: `${name}@localhost`,
  password: `secret-of-${name}`,
  websocket_url: websocket,
  discover_connection_methods: false,
  keepalive: false,
  assets_path: '/dist/',
  auto_join_rooms: [{ jid: room, nick: name }],
  muc_show_logs_before_join: false,
  clear_cache_on_logout: true,
  theme: 'classic',
  i18n: 'en',
  show_desktop_notifications: false,
  allow_url_history_change: false,
  singleton: true,
  loglevel: 'error',
})});
</script></body></html>`;

/** Serves the package, and one page per person. */
export class ConverseSite {
  readonly #pages = new Map<string, string>();
  readonly #server: Server = createServer((req, res) => {
    const path = new URL(req.url ?? '/', 'http://x').pathname;
    void this.#file(path).then(
      ([type, body]) => res.writeHead(200, { 'content-type': type }).end(body),
      () => res.writeHead(404).end(),
    );
  });

  async #file(path: string): Promise<[string, string | Buffer]> {
    const own = this.#pages.get(path);
    if (own !== undefined) return ['text/html', own];
    const file = normalize(join(DIST, path.replace(/^\/dist\//, '')));
    if (!file.startsWith(DIST)) throw new Error('outside');
    return [TYPES[extname(file)] ?? 'application/octet-stream', await readFile(file)];
  }

  async start(): Promise<void> {
    await new Promise<void>((go) => this.#server.listen(0, '127.0.0.1', go));
  }

  /** A window in which that person has entered the room. */
  async open(browser: Browser, wish: Wish): Promise<Page> {
    this.#pages.set(`/${wish.name}`, page(wish));
    const context = await browser.newContext({ viewport: { width: 1000, height: 760 }, locale: 'en' });
    const p = await context.newPage();
    await p.goto(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${wish.name}`);
    await p.waitForSelector('converse-muc textarea.chat-textarea', { timeout: 60_000 });
    return p;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((go) => this.#server.close(() => go()));
  }
}

/** What a window shows, oldest first. */
export const shown = (p: Page): Promise<string[]> =>
  p.locator('converse-muc converse-chat-message .chat-msg__text').allInnerTexts();

export async function type(p: Page, line: string): Promise<void> {
  await p.fill('converse-muc textarea.chat-textarea', line);
  await p.press('converse-muc textarea.chat-textarea', 'Enter');
}
