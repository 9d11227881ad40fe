import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ExecOptions, KubeApi } from '../ports.ts';
import { openCluster } from './kube-client.ts';

let dir = '';
let https: Server;
let proxy: Server;
let offered: string[] = [];
let asked = new URLSearchParams();
let tunnels: (string | undefined)[] = [];
let refuse = false;

const frame = (channel: number, text: string): Buffer => Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);

/** The kubelet's side: says what it was asked, echoes stdin, then sends the status its argv names. */
function kubelet(socket: WebSocket): void {
  const argv = asked.getAll('command');
  socket.send(frame(1, `ran ${argv.join(' ')}\n`));
  socket.send(frame(2, 'a warning\n'));
  const end = (): void => {
    const code = argv[0] === 'exit' ? Number(argv[1]) : 0;
    const failure = {
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
    };
    if (argv[0] !== 'hang-up') socket.send(frame(3, JSON.stringify(code === 0 ? { status: 'Success' } : failure)));
    socket.close();
  };
  if (asked.get('stdin') !== 'true') return end();
  socket.on('message', (data: Buffer) => {
    if (data[0] === 0) socket.send(frame(1, data.subarray(1).toString()));
    if (data[0] === 255) end();
  });
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-exec-'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'k.pem', '-out', 'c.pem'];
  const args = ['req', '-x509', ...key, '-days', '2', '-subj', '/CN=sao', '-addext', 'subjectAltName=DNS:sao.example'];
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  https = createHttps({ key: readFileSync(join(dir, 'k.pem')), cert: readFileSync(join(dir, 'c.pem')) });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (p) => [...p][0] ?? false });
  https.on('upgrade', (req, socket, head) => {
    offered = String(req.headers['sec-websocket-protocol']).split(/, ?/);
    asked = new URL(req.url ?? '', 'https://x').searchParams;
    if (refuse || req.headers.authorization !== 'Bearer t') {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(req, socket, head, kubelet);
  });
  proxy = createHttp();
  proxy.on('connect', (req, client: Socket) => {
    tunnels.push(req.headers['proxy-authorization']);
    const up = connect((https.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 ok\r\n\r\n');
      up.pipe(client).pipe(up);
    });
    for (const s of [up, client]) s.on('error', () => undefined);
  });
  await Promise.all([https, proxy].map((s) => new Promise<void>((done) => s.listen(0, '127.0.0.1', done))));
});
afterAll(async () => {
  await Promise.all([https, proxy].map((s) => new Promise((done) => s.close(done))));
  rmSync(dir, { recursive: true });
});

function api(proxied: boolean): KubeApi {
  const url = `https://127.0.0.1:${(https.address() as AddressInfo).port}`;
  const ca = readFileSync(join(dir, 'c.pem')).toString('base64');
  const get = async () => ({ url, ca, tlsName: 'sao.example', token: 't', expiresAt: Date.now() + 60_000 });
  const proxyUrl = `http://tw:pw@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return openCluster({ cluster: 'sao', credentials: { get }, ...(proxied ? { proxyUrl } : {}) });
}
async function run(
  argv: readonly string[],
  more: Partial<ExecOptions> = {},
  proxied = false,
): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const client = api(proxied);
  try {
    const code = await client.exec(
      { namespace: 'n', name: 'p', container: 'c' },
      {
        argv,
        stdout: (b) => {
          out += Buffer.from(b).toString();
        },
        stderr: (b) => {
          err += Buffer.from(b).toString();
        },
        signal: AbortSignal.timeout(5000),
        ...more,
      },
    );
    return { code, out, err };
  } finally {
    await client.close();
  }
}

describe('exec over WebSocket', () => {
  test('output, errors and exit code; the newest protocol is offered first', async () => {
    expect(await run(['echo', 'a b'])).toEqual({ code: 0, out: 'ran echo a b\n', err: 'a warning\n' });
    expect(offered[0]).toBe('v5.channel.k8s.io');
    expect(asked.get('container')).toBe('c');
    expect((await run(['exit', '7'])).code).toBe(7);
  });

  test('stdin is sent and its end is told', async () => {
    async function* stdin(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('hello ');
      yield Buffer.from('pod');
    }
    expect((await run(['cat'], { stdin: stdin() })).out).toBe('ran cat\nhello pod');
  });

  test('through the proxy with its password', async () => {
    expect((await run(['echo'], {}, true)).code).toBe(0);
    expect(tunnels).toEqual([`Basic ${Buffer.from('tw:pw').toString('base64')}`]);
  });

  test('a refusal and a connection that breaks are errors, never exit code 0', async () => {
    refuse = true;
    await expect(run(['echo'])).rejects.toMatchObject({ name: 'KubeError', message: expect.stringContaining('403') });
    refuse = false;
    await expect(run(['hang-up'])).rejects.toMatchObject({ name: 'KubeError', status: 0 });
  });
});
