// Pods as processes of this machine, behind an API server in memory: their `/data` is a folder, their port 6379 another one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeApi, KubeObject } from '../../fleet/index.ts';
import { freePortAt } from './redis-process.ts';

/** What the API server in memory asks of the pods. */
export interface PodHooks {
  proxy?: () => string;
  after(call: { verb: string }): void;
  exec: KubeApi['exec'];
  forward: KubeApi['forward'];
}
interface Api {
  put(object: KubeObject, manager: string): unknown;
  all(): KubeObject[];
}
interface At {
  dir: string;
  port: number;
}
interface Own extends At {
  child: ChildProcess;
}

export class LocalPods<T extends Api> {
  readonly twin: T;
  /** Pods that somebody else runs. */
  readonly known: Map<string, () => At> = new Map<string, () => At>();
  readonly #own = new Map<string, Own>();
  readonly #begun = new Set<string>();

  /** `proxy`: what a pod says over HTTP. */
  constructor(make: (o: PodHooks) => T, o: { namespace: string; proxy?: () => string }) {
    this.twin = make({
      ...(o.proxy === undefined ? {} : { proxy: o.proxy }),
      after: ({ verb }) => {
        if (verb === 'create') this.#begin();
        if (verb === 'remove') this.#sweep();
      },
      exec: async (pod, x) => {
        const at = this.#at(pod.name);
        const [program = '', ...args] = x.argv.map((a) => here(a, at));
        const child = spawn(program, args);
        child.stdin.on('error', () => undefined);
        child.stdout.on('data', (b: Buffer) => x.stdout(b));
        child.stderr.on('data', (b: Buffer) => x.stderr(b));
        const closed = once(child, 'close');
        // As with an API server that does not say that stdin has ended.
        for await (const chunk of x.stdin ?? []) child.stdin.write(chunk);
        const [code] = (await closed) as [number];
        return code;
      },
      forward: ({ pod }) => connect(this.#at(pod).port, '127.0.0.1'),
    });
    this.twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: o.namespace } }, 'test');
  }

  #at(pod: string): At {
    const at = this.#own.get(pod) ?? this.known.get(pod)?.();
    if (at === undefined) throw new Error(`no pod ${pod}`);
    return at;
  }

  #pods(): KubeObject[] {
    return this.twin.all().filter((o) => o.kind === 'Pod');
  }
  #begin(): void {
    for (const pod of this.#pods()) {
      const { name } = pod.metadata;
      if (this.known.has(name) || this.#begun.has(name)) continue;
      this.#begun.add(name);
      this.twin.put({ ...pod, status: { phase: 'Pending' } }, 'kubelet');
      void freePortAt().then((port) => {
        if (this.#begun.has(name)) this.#run(pod, { dir: mkdtempSync(join(tmpdir(), 'twp-')), port });
      });
    }
  }
  #run(pod: KubeObject, at: At): void {
    const spec = pod['spec'] as { containers: [{ command: [string, string, string]; env: [{ value: string }] }] };
    const [{ command, env }] = spec.containers;
    const [sh, flag, line] = command;
    const child = spawn(sh, [flag, here(line, at)], {
      env: { ...process.env, PASS: env[0].value },
      stdio: 'ignore',
    });
    this.#own.set(pod.metadata.name, { ...at, child });
    const phase = (is: string): void => void this.twin.put({ ...pod, status: { phase: is } }, 'kubelet');
    child.on('exit', () => {
      if (this.#own.get(pod.metadata.name)?.child === child) phase('Failed');
    });
    phase('Running');
  }
  #sweep(): void {
    const left = new Set(this.#pods().map((p) => p.metadata.name));
    for (const name of [...this.#begun]) if (!left.has(name)) this.#end(name);
  }
  #end(name: string): void {
    const own = this.#own.get(name);
    this.#begun.delete(name);
    this.#own.delete(name);
    own?.child.kill('SIGKILL');
    if (own !== undefined) rmSync(own.dir, { recursive: true, force: true });
  }

  close(): void {
    for (const name of [...this.#begun]) this.#end(name);
  }
}

const here = (text: string, at: At): string => text.replaceAll('/data', at.dir).replaceAll('6379', `${at.port}`);
