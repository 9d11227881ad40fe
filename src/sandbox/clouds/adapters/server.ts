import { chmodSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { CHAOS_KINDS, type Chaos } from '../model.ts';
import { summaryOf, viewOf } from '../view.ts';
import { errorOf } from '../words.ts';
import { controllerRoutes } from './controller.ts';
import { PROVIDER, type ProviderDeps, type ProviderRequest } from './provider.ts';
import { scaleRoute } from './scale.ts';

/** Routes of the Unix socket: provider, views, chaos, health. */
export function socketApp(d: ProviderDeps): Hono {
  const app = new Hono();
  app.post('/provider/:verb', async (c) => {
    const handler = PROVIDER[c.req.param('verb')];
    if (!handler) return c.json({ diagnostics: [errorOf(`unknown verb ${c.req.param('verb')}`)] }, 404);
    const request: ProviderRequest = await c.req.json();
    try {
      return c.json(await handler(d, request, c.req.raw.signal));
    } catch (e) {
      const why = e instanceof Error ? (e.stack ?? e.message) : String(e);
      return c.json({ diagnostics: [errorOf('a bug in the simulated clouds', why)] }, 500);
    }
  });
  controllerRoutes(app, d.engine);
  scaleRoute(app, d.engine);
  app.get('/health', (c) =>
    c.json({ ok: true, running: [...d.engine.world().ops.values()].filter((o) => o.phase === 'running').length }),
  );
  app.get('/world', (c) => c.json(viewOf(d.engine.world(), d.engine.now())));
  app.get('/world/summary', (c) => c.json(summaryOf(d.engine.world(), d.engine.now())));
  app.get('/chaos', (c) => c.json({ chaos: d.engine.chaos() }));
  app.post('/chaos', async (c) => {
    const body = (await c.req.json()) as ChaosBody;
    const fault = chaosFault(body);
    if (fault !== undefined) return c.json({ code: 'TW9010', message: fault }, 400);
    d.engine.setChaos(nextChaos(d.engine.chaos(), body, d.engine.now()));
    return c.json({ chaos: d.engine.chaos() });
  });
  return app;
}

/** `chaos` replaces all; `add` and `remove` (ids) change what is there. */
interface ChaosBody {
  chaos?: Partial<Chaos>[];
  add?: Partial<Chaos>[];
  remove?: string[];
}

function chaosFault(b: ChaosBody): string | undefined {
  const list = [...(b.chaos ?? []), ...(b.add ?? [])];
  if (!b.chaos && !b.add && !b.remove) return 'give chaos, add or remove';
  const bad = list.find((c) => !CHAOS_KINDS.includes(c.what as never));
  return bad ? `unknown kind ${JSON.stringify(bad.what)}; known: ${CHAOS_KINDS.join(', ')}` : undefined;
}

function nextChaos(now: Chaos[], b: ChaosBody, at: number): Chaos[] {
  const full = (c: Partial<Chaos>, i: number): Chaos => ({
    id: `${c.what}-${at}-${i}`,
    what: 'fail',
    where: {},
    args: {},
    from: 0,
    ...c,
  });
  if (b.chaos) return b.chaos.map(full);
  return [...now.filter((c) => !(b.remove ?? []).includes(c.id)), ...(b.add ?? []).map(full)];
}

/** Serves an app on a Unix socket (mode 0600); a stale socket file is replaced. */
export async function listenSocket(app: Hono, path: string): Promise<Server> {
  rmSync(path, { force: true });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  // Creating a cluster takes minutes at cloudTime 1.
  server.requestTimeout = 0;
  server.timeout = 0;
  return server;
}

/** Serves an app on `host:port`; port 0 takes a free one. */
export async function listenTcp(app: Hono, address: string): Promise<{ server: Server; port: number }> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const at = address.lastIndexOf(':');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(address.slice(at + 1)), address.slice(0, at), resolve);
  });
  const bound = server.address();
  return { server, port: typeof bound === 'object' && bound ? bound.port : 0 };
}
