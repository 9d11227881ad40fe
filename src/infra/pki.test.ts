import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { manualClock } from '../kernel/index.ts';
import { fleetCa, type KeyPair, knownCa } from './adapters/pki.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-pki-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const NOW = Date.now();
const DAY = 86_400_000;
const SERVER = { name: 'etcd sao', hosts: ['peer-sao.example.svc', 'etcd.example.svc'] };

/** What the server reads of a client, or why they do not talk. */
async function greet(
  ca: string,
  server: KeyPair,
  client: KeyPair & { ca: string; servername: string },
): Promise<string> {
  const s = createServer({ ca, ...server, requestCert: true, rejectUnauthorized: true }, (socket: TLSSocket) =>
    socket.end(String(socket.getPeerCertificate().subject.CN)),
  );
  await new Promise<void>((done) => s.listen(0, '127.0.0.1', done));
  const at = s.address();
  try {
    return await new Promise<string>((done) => {
      const c = connect({ port: typeof at === 'object' && at !== null ? at.port : 0, host: '127.0.0.1', ...client });
      c.on('data', (b) => done(b.toString()));
      c.on('error', (e) => done(e.message));
      c.on('close', () => done('closed'));
    });
  } finally {
    s.close();
  }
}

describe('the fleet’s certificate authority', () => {
  it('is made once, is the owner’s alone, and issues what both sides of a connection take', async () => {
    const path = join(dir, 'a.json');
    expect(knownCa(path)).toBeUndefined();
    const ca = await fleetCa(path, 'shop', manualClock(NOW));
    const again = await fleetCa(path, 'shop', manualClock(NOW));
    expect(again.cert).toBe(ca.cert);
    expect(knownCa(path)).toBe(ca.cert);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const server = await ca.issue(SERVER);
    const client = await ca.issue({ name: 'tw', hosts: [] });
    expect(await greet(ca.cert, server, { ...client, ca: ca.cert, servername: 'etcd.example.svc' })).toBe('tw');
    expect(await greet(ca.cert, server, { ...client, ca: ca.cert, servername: 'other.example' })).toMatch(/altnames/);
    const stranger = await fleetCa(join(dir, 'b.json'), 'shop', manualClock(NOW));
    const foreign = await stranger.issue({ name: 'tw', hosts: [] });
    expect(await greet(ca.cert, server, { ...foreign, ca: ca.cert, servername: 'etcd.example.svc' })).not.toBe('tw');
    expect(new X509Certificate(client.cert).ca).toBe(false);
    expect(new X509Certificate(client.cert).subjectAltName).toBeUndefined();
  });

  it('gives the same certificate again until it is near its end or its hosts change', async () => {
    const path = join(dir, 'c.json');
    const clock = manualClock(NOW);
    const first = await (await fleetCa(path, 'shop', clock)).issue(SERVER);
    expect(await (await fleetCa(path, 'shop', clock)).issue(SERVER)).toEqual(first);
    const moved = await (await fleetCa(path, 'shop', clock)).issue({ ...SERVER, hosts: ['x.example'] });
    expect(moved).not.toEqual(first);
    clock.advance(300 * DAY);
    const renewed = await (await fleetCa(path, 'shop', clock)).issue({ ...SERVER, hosts: ['x.example'] });
    expect(renewed).not.toEqual(moved);
    const { validTo } = new X509Certificate(renewed.cert);
    expect(Date.parse(validTo)).toBeGreaterThan(clock.now() + 390 * DAY);
  });

  it('two that have it open keep what the other issued, and get the same of one name', async () => {
    const path = join(dir, 'e.json');
    const [one, two] = [await fleetCa(path, 'shop', manualClock(NOW)), await fleetCa(path, 'shop', manualClock(NOW))];
    const [server, client] = await Promise.all([one.issue(SERVER), two.issue({ name: 'tw', hosts: [] })]);
    const again = await fleetCa(path, 'shop', manualClock(NOW));
    expect(await again.issue(SERVER)).toEqual(server);
    expect(await again.issue({ name: 'tw', hosts: [] })).toEqual(client);
    const wish = { name: 'agent', hosts: [] };
    const [a, b] = await Promise.all([one.issue(wish), two.issue(wish)]);
    expect(a).toEqual(b);
    rmSync(path);
    await fleetCa(path, 'shop', manualClock(NOW));
    await expect(one.issue({ name: 'late', hosts: [] })).rejects.toThrow(/TW2140.*e\.json/);
  });

  it('a file that is broken is not made anew', async () => {
    const path = join(dir, 'd.json');
    writeFileSync(path, '{');
    await expect(fleetCa(path, 'shop', manualClock(NOW))).rejects.toThrow(/TW2140.*d\.json/);
  });
});
