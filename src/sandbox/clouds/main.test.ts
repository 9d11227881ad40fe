import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machinesContract } from '../machines.contract.ts';
import { type ClusterSeed, type Machines, memoryMachines, type NodeSeed, type Vip } from '../machines.ts';
import { httpMachines } from './adapters/machines-http.ts';

/** The supervisor's side of Machines, as the contract of the sandbox spells it. */
async function serveMachines(m: Machines, socket: string): Promise<Server> {
  const server = createServer((req, res) => {
    let text = '';
    req.on('data', (d: Buffer) => (text += d));
    req.on('end', () => {
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const parts = (req.url ?? '').split('/').filter(Boolean).map(decodeURIComponent);
      route(m, `${req.method} ${parts[0]} ${parts.length}`, parts, body).then(
        (out) => res.end(JSON.stringify(out ?? {})),
        (e: Error) => res.writeHead(404).end(JSON.stringify({ code: 'TW9044', message: e.message })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}
async function route(m: Machines, what: string, parts: string[], body: unknown): Promise<unknown> {
  const [, id = '', , node = ''] = parts;
  const routes: Record<string, () => Promise<unknown>> = {
    'PUT clusters 2': () => m.boot(body as ClusterSeed),
    'DELETE clusters 2': () => m.remove(id),
    'PUT clusters 4': () => m.addNode(id, body as NodeSeed),
    'DELETE clusters 4': () => m.removeNode(id, node),
    'GET clusters 3': () => m.health(id),
    'PUT vips 2': () => m.vip(body as Vip),
    'DELETE vips 2': () => m.vipGone(id),
  };
  const found = routes[what];
  if (!found) throw new Error(`unknown ${what}`);
  return found();
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

machinesContract('over HTTP', async () => {
  const server = await serveMachines(memoryMachines(), join(dir, 'supervisor.sock'));
  return {
    machines: httpMachines(join(dir, 'supervisor.sock')),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
});

describe('the process', () => {
  test('reads clouds.json, says ready, answers, ends on SIGTERM', async () => {
    const socket = join(dir, 'clouds.sock');
    const spec = {
      id: 't',
      seed: 1,
      cloudTime: 60,
      socket,
      listen: { dns: '127.0.0.1:0' },
      supervisorSocket: join(dir, 'none.sock'),
      regions: { 'sa-east-1': 1 },
    };
    writeFileSync(join(dir, 'clouds.json'), JSON.stringify(spec));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), dir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    const line = await new Promise<string>((resolve) =>
      child.stdout.once('data', (d: Buffer) => resolve(d.toString())),
    );
    expect(line).toBe('ready\n');
    const health = await new Promise<string>((resolve, reject) => {
      request({ socketPath: socket, path: '/world/summary' }, (res) => {
        let text = '';
        res.on('data', (d: Buffer) => (text += d));
        res.on('end', () => resolve(text));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(health)).toMatchObject({ clouds: { aws: 0, azure: 0, gcp: 0 }, clusters: [], running: 0 });
    child.kill('SIGTERM');
    expect(await closed).toBe(0);
  });
});
