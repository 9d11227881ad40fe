// The API server of this namespace, asked by what plays its machines: plain requests and watches on loopback.
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';

export interface Obj {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    deletionTimestamp?: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
}
export interface Event {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Obj;
}

interface Kubeconfig {
  clusters: { cluster: { 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}
const bytes = (base64: string | undefined): Buffer => Buffer.from(base64 ?? '', 'base64');
const AGAIN_MS = 200;

export class LocalApi {
  readonly #agent: Agent;
  /** `kubeconfig`: with certificates inside, as the control plane writes it. */
  constructor(kubeconfig: string) {
    const k = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
    const user = k.users[0]?.user;
    this.#agent = new Agent({
      keepAlive: true,
      ca: bytes(k.clusters[0]?.cluster['certificate-authority-data']),
      cert: bytes(user?.['client-certificate-data']),
      key: bytes(user?.['client-key-data']),
    });
  }

  /** The answer's body. Throws with the status when it is not success. */
  async call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const patch = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const r = request({ host: '127.0.0.1', port: 443, path, method, agent: this.#agent });
    r.setHeader('content-type', patch);
    const text = await new Promise<string>((done, failed) => {
      r.on('error', failed);
      r.on('response', (res) => {
        let all = '';
        res.on('data', (b: Buffer) => (all += b.toString()));
        res.on('end', () => {
          if ((res.statusCode ?? 0) < 300) done(all);
          else failed(new Error(`${method} ${path}: ${res.statusCode} ${all.slice(0, 300)}`));
        });
      });
      r.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return JSON.parse(text) as Record<string, unknown>;
  }

  /** Tells every change of a collection, for ever; starts with all objects as ADDED. */
  async watch(path: string, told: (e: Event) => void): Promise<never> {
    for (;;) {
      await this.#once(path, told).catch(() => undefined);
      await delay(AGAIN_MS);
    }
  }
  async #once(path: string, told: (e: Event) => void): Promise<void> {
    const r = request({ host: '127.0.0.1', port: 443, path: `${path}?watch=1`, agent: this.#agent });
    await new Promise<void>((done, failed) => {
      r.on('error', failed);
      r.on('response', (res) => {
        let left = '';
        res.on('data', (b: Buffer) => {
          const lines = (left + b.toString()).split('\n');
          left = lines.pop() ?? '';
          for (const line of lines) if (line !== '') told(JSON.parse(line) as Event);
        });
        res.on('end', done);
        res.on('error', failed);
      });
      r.end();
    });
  }
}
