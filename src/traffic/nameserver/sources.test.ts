import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../kernel/index.ts';
import type { SignedSnapshot } from '../model.ts';
import { until } from './rig.ts';
import { fileSource, kubernetesSource } from './sources.ts';

/** An API server with one ConfigMap: list, then a watch that the test feeds. */
async function openApi() {
  const seen: string[] = [];
  const tokens: string[] = [];
  const watches = new Set<ServerResponse>();
  let items: unknown[] = [];
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const url = new URL(req.url ?? '', 'http://api');
    seen.push(
      `${url.pathname}?${url.searchParams.get('watch') === 'true' ? `watch from ${url.searchParams.get('resourceVersion')}` : 'list'}`,
    );
    tokens.push(req.headers.authorization ?? '');
    if (url.searchParams.get('watch') !== 'true') {
      res.end(JSON.stringify({ metadata: { resourceVersion: '7' }, items }));
      return;
    }
    watches.add(res);
    res.write('');
    res.flushHeaders();
    req.on('close', () => watches.delete(res));
  };
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen,
    tokens,
    watching: () => watches.size,
    set: (list: unknown[]) => {
      items = list;
    },
    event: (type: string, object: unknown) => {
      const line = `${JSON.stringify({ type, object })}\n`;
      // In two writes: a line may come in pieces.
      for (const w of watches) {
        w.write(line.slice(0, 10));
        w.write(line.slice(10));
      }
    },
    cut: () => server.closeAllConnections(),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const configMap = (text: string, version: string) => ({
  metadata: { name: 'tradewind-traffic', resourceVersion: version },
  data: { snapshot: text, signature: 'sig' },
});
const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function run() {
  const api = await openApi();
  const dir = await mkdtemp(join(tmpdir(), 'tw-sa-'));
  await Promise.all([
    writeFile(join(dir, 'token'), 'first\n'),
    writeFile(join(dir, 'ca.crt'), ''),
    writeFile(join(dir, 'namespace'), 'tradewind-system'),
  ]);
  const stop = new AbortController();
  const found: string[] = [];
  const log: string[] = [];
  const source = kubernetesSource({ url: api.url, account: dir }, { clock: systemClock, log: (l) => log.push(l) });
  const on = { found: (s: SignedSnapshot) => void found.push(s.text), absent: () => void found.push('(absent)') };
  const done = source.watch(on, stop.signal);
  closers.push(async () => {
    stop.abort();
    await done;
    api.close();
    await rm(dir, { recursive: true });
  });
  return { api, dir, found, log };
}

it('lists, watches from there, and keeps what was found when the object is deleted', async () => {
  const { api, found } = await run();
  await until(3000, async () => api.watching() === 1);
  expect(found).toEqual(['(absent)']);
  api.event('ADDED', configMap('one', '8'));
  api.event('BOOKMARK', { metadata: { resourceVersion: '20' } });
  api.event('MODIFIED', configMap('two', '21'));
  api.event('DELETED', configMap('two', '22'));
  await until(2000, async () => found.length === 3);
  expect(found).toEqual(['(absent)', 'one', 'two']);
  expect(api.seen).toEqual([
    '/api/v1/namespaces/tradewind-system/configmaps?list',
    '/api/v1/namespaces/tradewind-system/configmaps?watch from 7',
  ]);
});

it('starts again after an expired watch and a cut connection, with a new token', async () => {
  const { api, dir, found, log } = await run();
  api.set([configMap('one', '7')]);
  await until(3000, async () => api.watching() === 1);
  await writeFile(join(dir, 'token'), 'second');
  api.event('ERROR', { code: 410, message: 'too old resource version' });
  await until(6000, async () => api.watching() === 1 && api.seen.filter((s) => s.endsWith('list')).length === 2);
  expect(found).toContain('one');
  expect(new Set(api.tokens)).toEqual(new Set(['Bearer first', 'Bearer second']));
  expect(log.join()).toContain('too old resource version');
  api.cut();
  await until(6000, async () => api.watching() === 1 && api.seen.filter((s) => s.endsWith('list')).length === 3);
});

it('waits while the API cannot be reached, and says why', async () => {
  const log: string[] = [];
  const stop = new AbortController();
  const source = kubernetesSource(
    { url: 'http://127.0.0.1:9', account: '/nowhere' },
    { clock: systemClock, log: (l) => log.push(l) },
  );
  let absent = false;
  const on = {
    found: () => undefined,
    absent: () => {
      absent = true;
    },
  };
  const done = source.watch(on, stop.signal);
  await until(2000, async () => log.length > 0);
  stop.abort();
  await done;
  expect(log[0]).toContain('kubernetes API');
  expect(absent).toBe(false);
});

it('reads a file whenever it changes, and reports one it cannot read', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tw-file-'));
  const path = join(dir, 's.json');
  const stop = new AbortController();
  const found: string[] = [];
  const log: string[] = [];
  const done = fileSource(path, { clock: systemClock, log: (l) => log.push(l) }).watch(
    { found: (s) => void found.push(s.text), absent: () => void found.push('(absent)') },
    stop.signal,
  );
  await until(2000, async () => found.length === 1);
  await writeFile(path, '{"text":"a","signature":"x"}');
  await until(2000, async () => found.length === 2);
  await writeFile(path, '{"text":');
  await until(2000, async () => log.length === 1);
  stop.abort();
  await done;
  await rm(dir, { recursive: true });
  expect(found).toEqual(['(absent)', 'a']);
});
