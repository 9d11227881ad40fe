import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MemoryMachines, memoryMachines } from '../machines.ts';
import { fakeCredentials } from './credentials.ts';
import { type Mirror, writeMirror } from './mirror.ts';
import { type Clouds, type CloudsSpec, startClouds } from './process.ts';

/** Tests with the real terraform binary: simulated clouds on the twin of Machines, a mirror, a root. */
export interface Bench {
  clouds: Clouds;
  machines: MemoryMachines;
  mirror: Mirror;
  dir: string;
  seed: number;
  root(name: string, module: string, vars: unknown): Root;
  close(): Promise<void>;
}
export interface Run {
  code: number | null;
  out: string;
  err: string;
}
export interface Root {
  dir: string;
  run(...args: string[]): Promise<Run>;
  /** The same with other environment variables. */
  runWith(env: Record<string, string>, ...args: string[]): Promise<Run>;
  /** Starts a run and hands out the child, for interrupts. */
  start(...args: string[]): { interrupt(): void; kill(): void; done: Promise<Run> };
}

const REGIONS = { 'sa-east-1': 1, canadacentral: 2, 'australia-southeast1': 3, 'us-east-1': 4, centralus: 5 };

export const providerBinary = (): string | undefined =>
  [process.env.TW_PROVIDER_BIN, join(import.meta.dirname, '../../../.tradewind/cache/bin/tw-provider')].find(
    (p) => p !== undefined && existsSync(p),
  );
export const terraformBinary = (): string | undefined =>
  [process.env.TW_TERRAFORM, ...(process.env.PATH ?? '').split(':').map((p) => join(p, 'terraform'))].find(
    (p) => p !== undefined && existsSync(p),
  );

export async function openBench(o: Partial<CloudsSpec> = {}): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'tw-'));
  const seed = o.seed ?? 7;
  const socket = join(dir, 'clouds.sock');
  const machines = memoryMachines();
  const spec: CloudsSpec = {
    id: 'test',
    seed,
    cloudTime: 1200,
    socket,
    listen: {},
    supervisorSocket: '',
    regions: REGIONS,
    ...o,
  };
  const clouds = await startClouds(spec, { dir, machines });
  const mirror = writeMirror({
    dir,
    providerBinary: providerBinary() ?? '',
    schemaDir: join(import.meta.dirname, '../../../terraform/schema'),
    socket,
  });
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: dir,
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    ...mirror.env,
    ...fakeCredentials(seed, spec.accounts).env,
  };
  return {
    clouds,
    machines,
    mirror,
    dir,
    seed,
    root: (name, module, vars) => rootIn(join(dir, name), module, vars, env),
    close: async () => {
      await clouds.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function rootIn(dir: string, module: string, vars: unknown, env: Record<string, string>): Root {
  mkdirSync(dir, { recursive: true });
  cpSync(module, dir, { recursive: true, filter: (f) => !f.includes('.terraform') && !f.endsWith('.tfvars.json') });
  writeFileSync(join(dir, 'terraform.tfvars.json'), JSON.stringify(vars));
  const start = (extra: Record<string, string>, args: string[]) => {
    const child = spawn(terraformBinary() ?? 'terraform', args, {
      cwd: dir,
      env: { ...env, ...extra },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (d: Buffer) => (out += d));
    child.stderr.on('data', (d: Buffer) => (err += d));
    const done = new Promise<Run>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out, err }));
    });
    return {
      interrupt: () => void child.kill('SIGINT'),
      kill: () => void process.kill(-(child.pid ?? 0), 'SIGKILL'),
      done,
    };
  };
  return {
    dir,
    run: (...args) => start({}, args).done,
    runWith: (extra, ...args) => start(extra, args).done,
    start: (...args) => start({}, args),
  };
}

/** A Service of type LoadBalancer, as a cluster's controller asks its cloud for it. */
export const WEB_WISH = {
  namespace: 'default',
  name: 'web',
  annotations: {},
  ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }],
  nodes: [],
  localTraffic: false,
  healthCheckNodePort: 0,
  loadBalancerIP: '',
};
