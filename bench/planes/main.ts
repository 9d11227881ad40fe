// One cluster in a network namespace of its own: control plane, line to it, machines, and programs beside them.
// Started by plane.ts; all of it ends with this process, and this process with its parent.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Line } from './line.ts';
import { LocalApi, type Obj } from './local.ts';
import type { Order, Told } from './plane.ts';
import { Machines } from './pods.ts';

const [dir = '', name = '', program = ''] = process.argv.slice(2);
const READY_MS = 300_000;
const IP = '10.77.0.1';
const children = new Map<string, ChildProcess>();
const tell = (t: Told): void => void process.send?.(t);

function run(what: string, argv: readonly string[]): void {
  const [command = '', ...args] = argv;
  const log = openSync(join(dir, `${what}.log`), 'a');
  const child = spawn(command, args, { stdio: ['ignore', log, log], cwd: dir });
  children.set(what, child);
  child.on('exit', () => tell({ is: 'ended', what }));
}

async function stop(what: string, signal: NodeJS.Signals): Promise<void> {
  const child = children.get(what);
  children.delete(what);
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function end(): Promise<void> {
  await Promise.all([...children.keys()].map((c) => stop(c, 'SIGKILL')));
  process.kill(process.pid, 'SIGKILL');
}

/** Clouds without anything: machines exist, balancers have no address. */
function clouds(socket: string): Promise<unknown> {
  const server = createServer((req, res) => {
    const machine = { exists: true, instanceType: 'bench', zone: 'a', region: 'bench', addresses: [] };
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify(req.url?.includes('/instances') === true ? machine : {}));
  });
  return once(server.listen(socket), 'listening');
}

async function controlPlane(): Promise<string> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['address', 'add', `${IP}/32`, 'dev', 'lo']);
  const spec = {
    id: `bench-${name}`,
    cluster: name,
    cloud: 'aws',
    region: 'bench',
    zones: ['a'],
    dir: join(dir, 'cp'),
    privateIp: IP,
    endpointIp: '',
    dnsName: `${name}.bench.example`,
    issuer: `https://${name}.bench.example`,
    podCidr: '10.88.0.0/16',
    serviceCidr: '10.99.0.0/16',
    version: '1.36',
    cloudsSocket: join(dir, 's'),
    webhookUrl: '',
    dnsUpstream: '',
  };
  mkdirSync(spec.dir, { recursive: true });
  await clouds(spec.cloudsSocket);
  writeFileSync(join(dir, 'cp.json'), JSON.stringify(spec));
  run('control-plane', [program, 'control-plane', '--spec', join(dir, 'cp.json')]);
  const until = performance.now() + READY_MS;
  while (!existsSync(join(spec.dir, 'ready.json'))) {
    if (performance.now() > until || children.get('control-plane')?.exitCode !== null)
      throw new Error(`${name} does not start\n${readFileSync(join(dir, 'control-plane.log'), 'utf8').slice(-2000)}`);
    await delay(100);
  }
  return join(spec.dir, 'admin.kubeconfig');
}

process.on('disconnect', () => void end());
process.on('SIGTERM', () => void end());
process.on('SIGINT', () => void end());

try {
  const kubeconfig = await controlPlane();
  const api = new LocalApi(kubeconfig);
  const machines = new Machines(api);
  await machines.start();
  const line = new Line(443);
  const change = (path: string, object: Obj): void => tell({ is: 'change', at: Date.now(), path, object });
  const does: { [K in Order['do']]: (o: Extract<Order, { do: K }>, server: Server | undefined) => void } = {
    serve: (_, server) => server !== undefined && line.serve(server),
    line: (o) => {
      line.oneWayMs = o.oneWayMs ?? line.oneWayMs;
      if (o.cut !== undefined) line.cut = o.cut;
    },
    pods: (o) => {
      machines.startMs = o.startMs ?? machines.startMs;
      if (o.sick !== undefined) machines.sicken(o.sick);
    },
    watch: (o) => void api.watch(o.path, (e) => change(o.path, e.object)),
    run: (o) => run(o.what, o.argv),
    stop: (o) => void stop(o.what, 'SIGKILL'),
  };
  process.on('message', (o: Order, server: unknown) => does[o.do](o as never, server as Server | undefined));
  tell({ is: 'ready', kubeconfig: readFileSync(kubeconfig, 'utf8') });
} catch (e) {
  process.stderr.write(`${e instanceof Error ? e.message : String(e)}\n`);
  await end();
}
