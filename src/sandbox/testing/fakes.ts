// Stand-ins for the Go programs and the clouds, as real processes: for tests of what starts, watches and ends them.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CloudsKit } from '../adapters/local.ts';
import type { SandboxSpec } from '../model.ts';
import { linksOf } from '../plan/links.ts';

const HERE = resolve(import.meta.dirname, '..');

/** Answers every order with ok and appends it to DIR/net-orders.jsonl. */
const FAKE_NET = `
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
const dir = process.argv[2];
rmSync(dir + '/run/net.sock', { force: true });
const pages = {};
createServer((s) => {
  let rest = '';
  s.setEncoding('utf8');
  s.on('error', () => {});
  s.on('data', (d) => {
    const lines = (rest + d).split('\\n');
    rest = lines.pop();
    for (const line of lines) {
      const m = JSON.parse(line);
      appendFileSync(dir + '/net-orders.jsonl', line + '\\n');
      if (m.do === 'door') {
        pages[m.users] = 'http://127.0.0.1:1/?key=' + m.host;
        writeFileSync(dir + '/run/doors.json', JSON.stringify({ connect: { port: 1 }, pages }));
      }
      const ok = { id: m.id, ok: true, ...(m.do === 'grow' ? { sites: ['more'] } : {}) };
      s.write(JSON.stringify(m.name === 'refused' ? { id: m.id, error: 'no such thing' } : ok) + '\\n');
    }
  });
}).listen(dir + '/run/net.sock', () => console.log('ready'));
`;
/** Answers HTTP on a socket; POST bodies go to <socket>.jsonl; a chaos "where" of "refused" is refused. */
const FAKE_SERVER = `
import { appendFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
const at = process.argv[2];
rmSync(at, { force: true });
createServer(async (q, r) => {
  let body = '';
  for await (const c of q) body += c;
  if (q.method === 'POST') appendFileSync(at + '.jsonl', body + '\\n');
  const refused = body.includes('"refused"');
  r.writeHead(refused ? 400 : 200, { 'content-type': 'application/json' });
  r.end(refused ? '{"message":"the clouds know no such type"}' : q.url === '/visit' ? '[]' : '{"ok":true}');
}).listen(at);
`;
/** A control plane that is ready at once, a node that does nothing; both with a child, as a node has pods. */
const FAKE_SANDBOX = `#!/bin/sh
sleep 1000 &
if [ "$1" = control-plane ]; then
  dir=$(dirname "$3")
  printf '{"ca":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmZha2UKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=","version":"v1.36.3"}' > "$dir/ready.json"
fi
exec sleep 1000
`;

/** `enter` runs the command where it is; users are replaced by a server that answers. */
function fakeTwNet(o: { net: string; server: string }): string {
  return `#!/bin/sh
if [ "$1" = up ]; then exec '${process.execPath}' '${o.net}' "$3"; fi
dir="$3"; ns="$4"; shift 5
case "$ns" in users-*) exec '${process.execPath}' '${o.server}' "$dir/run/$ns.sock";; esac
exec "$@"
`;
}

export interface Fakes {
  /** Temporary folder; everything lies in it. */
  base: string;
  spec: SandboxSpec;
  kit: CloudsKit;
  remove(): void;
}

const executable = (path: string, text: string): void => {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
};

/** A root whose supervisor is the real one and whose clouds are `cloudsMain` (default: a server that says yes). */
function fakeRoot(base: string, cloudsMain?: string): string {
  const inside = join(base, 'root', 'src', 'sandbox');
  mkdirSync(join(inside, 'clouds'), { recursive: true });
  for (const part of ['supervisor', 'users']) symlinkSync(join(HERE, part), join(inside, part));
  const server = FAKE_SERVER.replace('process.argv[2]', "process.argv[2] + '/run/clouds/api.sock'");
  writeFileSync(join(inside, 'clouds', 'main.ts'), cloudsMain ?? server);
  return join(base, 'root');
}

/** The same world with users and a region in Sydney too. */
export function withSydney(spec: SandboxSpec): SandboxSpec {
  const name = 'australia-southeast1';
  const regions = [...spec.regions, { name, index: 3, lat: -33.87, lon: 151.21 }];
  const users = [...spec.users, { name: 'syd', index: 3, region: name, lastMileMs: 5 }];
  return { ...spec, regions, users, links: linksOf(regions) };
}

export function fakes(o: { bins?: string; cloudsMain?: string; hosts?: string[] } = {}): Fakes {
  const base = mkdtempSync(join(tmpdir(), 'tws-'));
  const bins = o.bins ?? join(base, 'bin');
  if (o.bins === undefined) {
    mkdirSync(bins);
    const [net, server] = [join(base, 'net.mjs'), join(base, 'server.mjs')];
    writeFileSync(net, FAKE_NET);
    writeFileSync(server, FAKE_SERVER);
    executable(join(bins, 'tw-net'), fakeTwNet({ net, server }));
    executable(join(bins, 'tw-sandbox'), FAKE_SANDBOX);
    for (const name of ['tw-shim', 'tw-provider']) executable(join(bins, name), '#!/bin/sh\n');
  }
  const regions = [
    { name: 'sa-east-1', index: 1, lat: -23.55, lon: -46.63 },
    { name: 'canadacentral', index: 2, lat: 43.65, lon: -79.38 },
  ];
  const network = { nodes: '10.10.0.0/16', pods: '10.244.0.0/16', services: '10.250.0.0/20' };
  const spec: SandboxSpec = {
    dir: join(base, 'sb'),
    bins,
    root: fakeRoot(base, o.cloudsMain),
    fleet: 'test',
    seed: 1,
    cloudTime: 600,
    regions,
    users: [
      { name: 'sao', index: 1, region: 'sa-east-1', lastMileMs: 5 },
      { name: 'mtl', index: 2, region: 'canadacentral', lastMileMs: 5 },
    ],
    operator: { region: 'canadacentral', lastMileMs: 7.5 },
    clouds: { oneWayMs: 1 },
    links: linksOf(regions),
    clusters: [
      { name: 'sao', cloud: 'aws', region: 'sa-east-1', network },
      { name: 'mtl', cloud: 'azure', region: 'canadacentral', network },
    ],
    hosts: o.hosts ?? ['guestbook.demo.tradewind.example'],
    recipes: [],
    registries: [],
    accounts: {},
    ignoreMemory: true,
  };
  const kit: CloudsKit = {
    writeMirror: () => ({ env: {} }),
    fakeCredentials: () => ({ env: { AWS_ACCESS_KEY_ID: 'fake' }, endpoints: { sts: 'http://198.19.0.10' } }),
  };
  return { base, spec, kit, remove: () => rmSync(base, { recursive: true, force: true }) };
}
