import { parseArgs } from 'node:util';
import { Hono } from 'hono';
import { z } from 'zod';
import { systemClock } from '../../kernel/index.ts';
import { readJson } from '../adapters/files.ts';
import type { SandboxSpec, VisitRequest } from '../model.ts';
import { layout } from '../plan/layout.ts';
import { listenUnix } from '../supervisor/server.ts';
import { ROOT_DNS } from '../supervisor/specs.ts';
import { askServer } from './ask.ts';
import { DnsCache } from './cache.ts';
import type { QType, Resolved } from './model.ts';
import { resolve } from './resolver.ts';
import { ServerTable } from './servers.ts';
import { serveStub } from './stub.ts';
import { visits } from './visit.ts';

const visitBody = z.strictObject({
  times: z.int().min(1).max(10_000).optional(),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).optional(),
  path: z.string().startsWith('/').optional(),
  method: z.string().optional(),
  body: z.string().optional(),
  contentType: z.string().optional(),
  timeoutMs: z.number().positive().optional(),
  everyMs: z.number().min(0).optional(),
});

const { values } = parseArgs({ options: { dir: { type: 'string' }, name: { type: 'string' } } });
const name = values.name ?? '';
const l = layout(values.dir ?? '');
const region = readJson<SandboxSpec>(l.spec)?.users.find((u) => u.name === name);

async function main(address: string): Promise<void> {
  // What is known of servers outlives a visit; what is known of names does not.
  const servers = new ServerTable();
  const shared = new DnsCache();
  const lookup = (cache: DnsCache, host: string, type: QType): Promise<Resolved> =>
    resolve(host, type, { cache, servers, roots: [ROOT_DNS], now: () => systemClock.now(), ask: (q) => askServer(q) });
  await serveStub({ address, port: 53 }, (host, type) => lookup(shared, host, type));
  const app = new Hono();
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.post('/visit', async (c) => {
    const parsed = visitBody.safeParse(await c.req.json());
    if (!parsed.success)
      return c.json(
        { code: 'TW9010', faults: parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`) },
        400,
      );
    return c.json(await visits(parsed.data as VisitRequest, { region: name, clock: systemClock, lookup }));
  });
  await listenUnix(app, l.usersSocket(name));
}

if (region === undefined) {
  process.stderr.write(`users: ${l.spec} knows no user region "${name}"\n`);
  process.exitCode = 2;
} else {
  process.on('unhandledRejection', (e) => process.stderr.write(`users: ${e instanceof Error ? e.stack : String(e)}\n`));
  await main(`198.19.${100 + region.index}.53`);
}
