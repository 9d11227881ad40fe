// Root and the real tw-net: users in two regions resolve, cross the simulated ocean and fetch.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localSandbox } from '../adapters/local.ts';
import { killAll } from '../adapters/marks.ts';
import { unixHttp } from '../adapters/unix-http.ts';
import { binsFolder } from '../binaries.ts';
import type { Visit } from '../model.ts';
import { layout } from '../plan/layout.ts';
import type { SandboxPort } from '../ports.ts';
import { type Fakes, fakes, withSydney } from '../testing/fakes.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const twNet = join(binsFolder({ env: process.env, root: ROOT }), 'tw-net');
const possible = process.platform === 'linux' && process.getuid?.() === 0 && existsSync(twNet);

/** Answers every A question for a host of `hosts` with TTL 1, and HTTP on the clouds' socket. */
const CLOUDS = `
import { createSocket } from 'node:dgram';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import dns from '${ROOT}/node_modules/dns-packet/index.js';
const hosts = { 'sao.example': '198.18.1.100', 'mtl.example': '198.18.2.100' };
const udp = createSocket('udp4');
udp.on('message', (bytes, from) => {
  const q = dns.decode(bytes).questions[0];
  const data = hosts[q.name];
  udp.send(dns.encode({ type: 'response', id: bytes.readUInt16BE(0), flags: 0x0400 | (data ? 0 : 3), questions: [q],
    answers: data ? [{ type: 'A', name: q.name, ttl: 1, data }] : [] }), from.port, from.address);
});
rmSync(process.argv[2] + '/run/clouds/api.sock', { force: true });
udp.bind(53, '198.19.0.53', () => createServer((q, r) => r.end('{}')).listen(process.argv[2] + '/run/clouds/api.sock'));
`;
/** A "node" serves HTTP on 8080 and says who asked. */
const SERVE = `
import { createServer } from 'node:http';
createServer((q, r) => { r.setHeader('x-tradewind-cluster', process.argv[2]); r.end(q.socket.remoteAddress); }).listen(8080);
`;

describe.skipIf(!possible)('users over the real network (needs root and tw-net)', () => {
  let f: Fakes;
  let bins = '';
  let sandbox: SandboxPort;
  const idOf = (): string => readFileSync(layout(f.spec.dir).id, 'utf8').trim();
  const put = (path: string, body: object) =>
    unixHttp(layout(f.spec.dir).supervisorSocket, { method: 'PUT', path, body: body as never });

  beforeAll(async () => {
    bins = mkdtempSync(join(tmpdir(), 'twb-'));
    symlinkSync(twNet, join(bins, 'tw-net'));
    writeFileSync(join(bins, 'serve.mjs'), SERVE);
    const script = `#!/bin/sh
if [ "$1" = control-plane ]; then printf '{"ca":"Y2E=","version":"v1.36.3"}' > "$(dirname "$3")/ready.json"; exec sleep 1000; fi
exec '${process.execPath}' '${bins}/serve.mjs' "$(sed -n 's/.*"cluster": "\\(.*\\)",/\\1/p' "$3")"
`;
    for (const name of ['tw-sandbox', 'tw-shim', 'tw-provider']) {
      writeFileSync(join(bins, name), name === 'tw-sandbox' ? script : '#!/bin/sh\n');
      chmodSync(join(bins, name), 0o755);
    }
    f = fakes({ bins, cloudsMain: CLOUDS, hosts: ['sao.example'] });
    mkdirSync(f.spec.dir, { recursive: true });
    sandbox = localSandbox({ dir: f.spec.dir, kit: f.kit });
    for await (const _ of sandbox.up(f.spec));
    const seeds = [
      ['sao', 'sa-east-1', '198.18.1.100'],
      ['mtl', 'canadacentral', '198.18.2.100'],
    ] as const;
    for (const [id, region, ip] of seeds) {
      const seed = {
        id,
        cluster: id,
        cloud: 'aws',
        region,
        zones: [],
        nodeCidr: '10.10.0.0/16',
        podCidr: '10.244.0.0/16',
        serviceCidr: '10.250.0.0/20',
        version: '1.36',
        dnsName: '',
        issuer: '',
      };
      await put(`/clusters/${id}`, seed);
      const node = {
        name: 'n1',
        zone: '',
        instanceType: 'm',
        cpu: 1,
        memoryBytes: 1,
        labels: {},
        taints: [],
        providerId: '',
      };
      const { body } = await put(`/clusters/${id}/nodes/n1`, node);
      const vip = {
        ip,
        region,
        ports: [{ proto: 'tcp', port: 80, targets: [{ ip: (body as { ip: string }).ip, port: 8080 }] }],
      };
      await put(`/vips/${ip}`, vip);
    }
  }, 60_000);
  afterAll(async () => {
    if (existsSync(layout(f.spec.dir).id)) await killAll(idOf(), () => 0);
    f.remove();
    rmSync(bins, { recursive: true, force: true });
  });
  const webMs = (v: Visit | undefined): number => (v === undefined ? Number.NaN : v.ms - v.dnsMs);
  const served = async (from: string, host: string, tries = 40) => {
    for (let n = 0; ; n++) {
      const [v] = await sandbox.visit({ from: [from], host, timeoutMs: 1500 });
      if (v?.status === 200 || n >= tries) return v;
    }
  };

  it('lets users see the distance, the right cluster, and the cluster their true address', async () => {
    expect((await served('sao', 'sao.example'))?.status).toBe(200);
    expect((await served('mtl', 'mtl.example'))?.status).toBe(200);
    const [near] = await sandbox.visit({ from: ['sao'], host: 'sao.example' });
    const [far] = await sandbox.visit({ from: ['sao'], host: 'mtl.example' });
    expect(near).toMatchObject({
      cluster: 'sao',
      answeredBy: '198.18.1.100',
      body: expect.stringContaining('198.19.101.2'),
    });
    expect(far).toMatchObject({ cluster: 'mtl', answeredBy: '198.18.2.100' });
    // Handshake and request: two round trips of 120 ms, 2 % jitter, and the last mile beside them.
    expect(webMs(far)).toBeGreaterThan(235);
    const again = await sandbox.visit({ from: ['sao'], host: 'sao.example', times: 10 });
    expect(Math.min(...[near, ...again].map(webMs))).toBeLessThan(120);
  });

  it('silences a killed cluster within a moment and heals it', async () => {
    await sandbox.chaos({ do: 'begin', kind: 'kill', where: 'cluster:mtl' });
    const [gone] = await sandbox.visit({ from: ['mtl'], host: 'mtl.example', timeoutMs: 1500 });
    expect(gone).toMatchObject({ status: 0, answeredBy: '198.18.2.100', error: 'no answer in time' });
    await sandbox.chaos({ do: 'heal' });
    expect((await served('mtl', 'mtl.example'))?.cluster).toBe('mtl');
  });

  it.each(['cluster:mtl', 'region:canadacentral'])(
    'cuts %s off from users near and far, not the others',
    async (where) => {
      const began = await sandbox.chaos({ do: 'begin', kind: 'partition', where });
      expect(began.did).toEqual([`${where.slice(where.indexOf(':') + 1)} cut off`]);
      for (const from of ['sao', 'mtl']) {
        const [v] = await sandbox.visit({ from: [from], host: 'mtl.example', timeoutMs: 1000 });
        expect(v?.status, from).toBe(0);
        expect((await sandbox.visit({ from: [from], host: 'sao.example' }))[0]?.status, from).toBe(200);
      }
      await sandbox.chaos({ do: 'heal' });
      for (const from of ['sao', 'mtl']) expect((await served(from, 'mtl.example'))?.status).toBe(200);
    },
  );

  it('grows by a region and its users while requests go on', async () => {
    const [before] = await sandbox.visit({ from: ['sao'], host: 'sao.example' });
    const during = sandbox.visit({ from: ['sao'], host: 'mtl.example', times: 20, everyMs: 100 });
    for await (const _ of sandbox.up(withSydney(f.spec)));
    expect((await during).filter((v) => v.status !== 200)).toEqual([]);
    // Its resolver asks the clouds, which read their regions anew.
    const far = await served('syd', 'mtl.example');
    expect(far).toMatchObject({ status: 200, cluster: 'mtl', body: expect.stringContaining('198.19.103.2') });
    expect(webMs(far)).toBeGreaterThan(200);
    expect((await sandbox.visit({ from: ['sao'], host: 'sao.example' }))[0]?.body).toBe(before?.body);
    expect(Object.keys((await sandbox.status()).doors.pages).toSorted()).toEqual(['mtl', 'sao', 'syd']);
  });

  it('opens a page for people and leaves nothing behind', async () => {
    const page = (await sandbox.status()).doors.pages['sao'] ?? '';
    const first = await fetch(page, { redirect: 'manual' });
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
    const res = await fetch(new URL(page).origin, { headers: { cookie } });
    expect(res.headers.get('x-tradewind-cluster')).toBe('sao');
    const done = await sandbox.down({ purge: false });
    expect(done).toMatchObject({ left: [] });
    expect(done.verified).toContainEqual(expect.stringMatching(/^\d+ network namespaces are empty and gone$/));
  });
});
