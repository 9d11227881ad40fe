import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { TwError } from '../../kernel/index.ts';
import type { ClusterSeed, Machines, NodeSeed, Vip } from '../machines.ts';
import type { ChaosChange, ChaosReceipt, SandboxView } from '../model.ts';
import { ChaosError } from './chaos.ts';
import { WorldError } from './world.ts';

export interface ServerDeps {
  machines: Machines;
  chaos: (change: ChaosChange) => Promise<ChaosReceipt>;
  view: () => SandboxView;
  /** Takes in what the spec on the disk has more than before. */
  grow: () => Promise<{ sites: readonly string[] }>;
}

function failed(error: Error, c: Context): Response {
  if (error instanceof WorldError) return c.json({ code: error.code, message: error.message }, error.status as 400);
  if (error instanceof ChaosError) return c.json({ code: 'TW9010', message: error.message, faults: error.faults }, 400);
  if (error instanceof TwError) return c.json({ code: error.code, message: error.message }, 409);
  return c.json({ code: 'Internal', message: error.message }, 500);
}

/** The supervisor's HTTP door: `Machines` for the clouds, view and chaos for `tw`. Idempotent throughout. */
export function supervisorApp(d: ServerDeps): Hono {
  const app = new Hono();
  const m = d.machines;
  app.onError(failed);
  app.notFound((c) => c.json({ code: 'NotFound', message: `no ${c.req.method} ${c.req.path} here` }, 404));
  app.get('/healthz', (c) => c.json({ ok: true }));
  app.get('/view', (c) => c.json(d.view()));
  app.post('/chaos', async (c) => c.json(await d.chaos(await c.req.json<ChaosChange>())));

  app.post('/grow', async (c) => c.json(await d.grow()));

  app.put('/clusters/:id', async (c) => {
    const seed = await c.req.json<ClusterSeed>();
    return c.json(await m.boot({ ...seed, id: c.req.param('id') }));
  });
  app.delete('/clusters/:id', async (c) => {
    await m.remove(c.req.param('id'));
    return c.json({});
  });
  app.get('/clusters/:id/health', async (c) => c.json(await m.health(c.req.param('id'))));
  app.put('/clusters/:id/nodes/:name', async (c) => {
    const seed = await c.req.json<NodeSeed>();
    return c.json(await m.addNode(c.req.param('id'), { ...seed, name: c.req.param('name') }));
  });
  app.delete('/clusters/:id/nodes/:name', async (c) => {
    await m.removeNode(c.req.param('id'), c.req.param('name'));
    return c.json({});
  });
  app.put('/vips/:ip', async (c) => {
    const vip = await c.req.json<Vip>();
    await m.vip({ ...vip, ip: c.req.param('ip') });
    return c.json({});
  });
  app.delete('/vips/:ip', async (c) => {
    await m.vipGone(c.req.param('ip'));
    return c.json({});
  });
  return app;
}

/** Serves on a Unix socket that only this user can open. */
export async function listenUnix(app: { fetch: Hono['fetch'] }, path: string): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((req, res) => void getRequestListener(app.fetch)(req, res));
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
  // A boot is answered when the API server is ready: minutes on a busy machine.
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  return server;
}
