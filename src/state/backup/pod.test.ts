import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KubeTwin } from '../../fleet/adapters/kube-twin.ts';
import type { KubeObject } from '../../fleet/index.ts';
import { systemClock } from '../../kernel/index.ts';
import { freePortAt, programOf, RawClient } from '../testing/redis-process.ts';
import { SECRETS } from '../testing/secrets.ts';
import { Trio } from '../testing/trio.ts';
import { type PodAt, readIn, runIn, writeIn } from './adapters/pod-files.ts';
import { podLoader } from './adapters/pod-loader.ts';
import { replicaSource } from './adapters/replica-source.ts';
import { loaderContract } from './loader.contract.ts';

/** Pods as processes of this machine: their `/data` is a folder, their port 6379 another one. */
class Pods {
  readonly dir = mkdtempSync(join(tmpdir(), 'twp-'));
  readonly port: number;
  readonly twin: KubeTwin;
  #child: ChildProcess | undefined;

  constructor(port: number) {
    this.port = port;
    this.twin = new KubeTwin('pods', {
      after: ({ verb }) => {
        if (verb === 'create') this.#begin();
        if (verb === 'remove') this.#end();
      },
      exec: async (_, o) => {
        const [program = '', ...args] = o.argv.map((a) => this.#here(a));
        const child = spawn(program, args);
        child.stdin.on('error', () => undefined);
        child.stdout.on('data', (b: Buffer) => o.stdout(b));
        child.stderr.on('data', (b: Buffer) => o.stderr(b));
        const closed = once(child, 'close');
        for await (const chunk of o.stdin ?? []) child.stdin.write(chunk);
        // As with an API server that does not say that stdin has ended.
        const [code] = (await closed) as [number];
        return code;
      },
      forward: () => connect(this.port, '127.0.0.1'),
    });
    this.twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'state-book' } }, 'test');
  }
  #here(text: string): string {
    return text.replaceAll('/data', this.dir).replaceAll('6379', `${this.port}`);
  }
  /** As it was made. */
  #last: KubeObject | undefined;
  #begin(): void {
    rmSync(join(this.dir, 'go'), { force: true });
    void this.twin.list({ group: '', kind: 'Pod' }, {}).then(([pod]) => {
      if (pod !== undefined) this.#run(pod);
    });
  }
  #run(pod: KubeObject): void {
    this.#last = pod;
    const spec = pod['spec'] as { containers: [{ command: [string, string, string]; env: [{ value: string }] }] };
    const [{ command, env }] = spec.containers;
    const [sh, flag, line] = command;
    const PASS = env[0].value;
    const child = spawn(sh, [flag, this.#here(line)], { env: { ...process.env, PASS }, stdio: 'ignore' });
    this.#child = child;
    child.on('exit', () => {
      if (this.#child === child) this.#phase('Failed');
    });
    this.#phase('Running');
  }
  #phase(phase: string): void {
    if (this.#last !== undefined) this.twin.put({ ...this.#last, status: { phase } }, 'kubelet');
  }
  #end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
  close(): void {
    this.#end();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function* in_(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const b of bytes) parts.push(b);
  return Buffer.concat(parts);
}

describe('files of a pod', () => {
  const pods = new Pods(1);
  const at: PodAt = { api: pods.twin, namespace: 'state-book', name: 'redis-0', container: 'redis' };
  afterAll(() => pods.close());

  it('go in and come out as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    await writeIn(at, '/data/x', in_(bytes), bytes.length);
    expect(readFileSync(join(pods.dir, 'x')).equals(bytes)).toBe(true);
    expect((await all(readIn(at, '/data/x'))).equals(bytes)).toBe(true);
  });
  it('what fails says what it said', async () => {
    await expect(runIn(at, ['sh', '-c', 'echo no room >&2; exit 3'])).rejects.toThrow('sh ended with 3: no room');
    await expect(all(readIn(at, '/data/none'))).rejects.toThrow('ended with 1');
  });
});

describe.skipIf(programOf('redis-server') === undefined)('a throw-away pod', () => {
  loaderContract('pod', async () => {
    const own = await Trio.start();
    await own.primary('a', 1);
    const w = await RawClient.open({ host: '127.0.0.1', port: own.of('a').port });
    await w.ask('AUTH', 'tw-w', SECRETS.write);
    for (let i = 0; i < 100; i++) await w.ask('SET', `k${i}`, 'v'.repeat(100));
    await own.level();
    w.close();
    const dial = () => connect(own.of('b').port, '127.0.0.1');
    const s = replicaSource({ dial, secrets: SECRETS, clock: systemClock });
    const file = await all((await s.open()).bytes);
    const { engine } = await s.count();
    const pods = new Pods(await freePortAt());
    return {
      loader: podLoader({
        api: pods.twin,
        namespace: 'state-book',
        image: 'redis:7.4',
        clock: systemClock,
        random: 'abcdef0123456789',
        signal: new AbortController().signal,
      }),
      file,
      holds: { engine, epoch: 1, keys: 100, canary: null },
      close: async () => {
        pods.close();
        await own.close();
      },
    };
  });
});
