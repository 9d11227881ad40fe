import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { startOf } from '../../kernel/index.ts';
import { layout } from '../plan/layout.ts';
import { type Fakes, fakes } from '../testing/fakes.ts';
import { localSandbox } from './local.ts';
import { holdSpaces, insideNamespaces, killAll, killMarked, MARK, scanMarked } from './marks.ts';
import { unixHttp } from './unix-http.ts';

const seed = {
  id: 'aws-sao',
  cluster: 'sao',
  cloud: 'aws',
  region: 'sa-east-1',
  zones: [],
  nodeCidr: '10.10.0.0/16',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.250.0.0/20',
  version: '1.36',
  dnsName: '',
  issuer: '',
};
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

/** Pids whose command line names this folder: a second opinion beside the mark. */
function naming(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
}

describe('down proof', () => {
  let f: Fakes | undefined;
  afterEach(async () => {
    const id = f === undefined ? '' : layout(f.spec.dir).id;
    if (existsSync(id)) await killAll(readFileSync(id, 'utf8').trim(), () => 0);
    f?.remove();
  });

  it.each(['supervisor', 'net', 'clouds', 'users', 'control-plane', 'node', 'all'])(
    'leaves nothing after kill -9 of %s',
    async (role) => {
      f = fakes();
      const sandbox = localSandbox({ dir: f.spec.dir, kit: f.kit });
      for await (const _ of sandbox.up(f.spec));
      const l = layout(f.spec.dir);
      const id = readFileSync(l.id, 'utf8').trim();
      await unixHttp(l.supervisorSocket, { method: 'PUT', path: '/clusters/aws-sao', body: seed });
      await unixHttp(l.supervisorSocket, { method: 'PUT', path: '/clusters/aws-sao/nodes/n1', body: node });
      const victims = scanMarked(id).filter((m) => role === 'all' || m.role === role);
      expect(victims.length).toBeGreaterThan(0);
      for (const m of victims) killMarked(id, m);
      const done = await sandbox.down({ purge: false });
      expect(done.left).toEqual([]);
      expect(done.ms).toBeLessThan(5000);
      expect(scanMarked(id)).toEqual([]);
      expect(naming(f.base)).toEqual([]);
      expect(readdirSync(f.base).toSorted()).toEqual(['bin', 'net.mjs', 'root', 'server.mjs']);
    },
  );
});

describe('marks', () => {
  it('kill only what has pid, start time and mark', async () => {
    const { spawn } = await import('node:child_process');
    const child = spawn('sleep', ['100'], { env: { [MARK]: 'proof' }, stdio: 'ignore' });
    await new Promise((r) => child.once('spawn', r));
    const pid = child.pid ?? 0;
    const start = startOf(pid) ?? '';
    expect(killMarked('proof', { pid, start: `${Number(start) + 1}` })).toBe(false);
    expect(killMarked('other', { pid, start })).toBe(false);
    expect(child.exitCode).toBeNull();
    const gone = new Promise((r) => child.once('exit', r));
    expect(killMarked('proof', { pid, start })).toBe(true);
    await gone;
    expect(startOf(pid)).toBeUndefined();
  });

  // Only root makes a network namespace without more ado.
  it.runIf(process.getuid?.() === 0)('a namespace is not taken for the next one that is made', async () => {
    const { spawn } = await import('node:child_process');
    const alone = async (env: Record<string, string> = {}): Promise<ChildProcess> => {
      const child = spawn('unshare', ['--net', 'sh', '-c', 'echo in; exec sleep 100'], {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await new Promise((r) => child.stdout.once('data', r));
      return child;
    };
    const end = async (child: ChildProcess): Promise<void> => {
      const gone = new Promise((r) => child.once('exit', r));
      child.kill('SIGKILL');
      await gone;
    };
    const id = `proof-${process.pid}`;
    const ours = await alone({ [MARK]: id });
    const spaces = holdSpaces(scanMarked(id));
    const others: ChildProcess[] = [];
    try {
      expect([...spaces.ids]).toHaveLength(1);
      expect(insideNamespaces(spaces.ids)).toEqual([ours.pid]);
      await end(ours);
      for (let i = 0; i < 20; i++) others.push(await alone());
      expect(insideNamespaces(spaces.ids)).toEqual([]);
    } finally {
      spaces.release();
      for (const child of others) await end(child);
    }
  });
});
