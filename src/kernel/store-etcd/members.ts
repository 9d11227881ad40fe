import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { Clock } from '../clock.ts';
import { fault, type TwError } from '../errors/fault.ts';
import { Cluster, KV, Lease, Maintenance, Watch } from './etcd_pb.ts';
import { reasonOf } from './reasons.ts';
import { Sessions } from './session.ts';

/** One way to a member of etcd: its client port. */
export interface EtcdEndpoint {
  name: string;
  /** Such as https://etcd.example:2379; with `socket` only the name in its certificate matters. */
  url: string;
  /** Opens the connection in the place of a TCP connection to `url`. */
  socket?(): Duplex;
}
export interface EtcdOptions {
  /** Nearest first. */
  endpoints: readonly EtcdEndpoint[];
  /** Keys lie below it: `/tradewind/<fleet>/`. */
  root: string;
  clock: Clock;
  /** PEM; absent: plain HTTP. */
  tls?: { ca?: string; cert?: string; key?: string } | undefined;
  /** Deadline of every call, ms. */
  timeoutMs?: number;
  /** Deadline of a connection, TLS included, ms; default: as a call. */
  connectMs?: number;
}

const TIMEOUT_MS = 3000;
/** How long a member that failed is asked last. */
const SHUNNED_MS = 15_000;

export interface Member {
  name: string;
  kv: Client<typeof KV>;
  watch: Client<typeof Watch>;
  lease: Client<typeof Lease>;
  cluster: Client<typeof Cluster>;
  maintenance: Client<typeof Maintenance>;
  /** Connects if need be; what is wrong, or nothing. Nothing was sent to a member that cannot be reached. */
  reach(): Promise<string | undefined>;
  /** Closes its connection for good. */
  end(): void;
}

/** Node leaves TLS to whoever brings the connection. */
function wrapped(socket: Duplex, at: URL, tls: EtcdOptions['tls']): Duplex {
  if (tls === undefined) return socket;
  return connect({ ...tls, socket, servername: at.hostname, ALPNProtocols: ['h2'] });
}

function memberOf(e: EtcdEndpoint, o: EtcdOptions): Member {
  const connectMs = o.connectMs ?? o.timeoutMs ?? TIMEOUT_MS;
  const socket = e.socket;
  const manager = new Sessions(
    e.url,
    { pingIntervalMs: 10_000, pingTimeoutMs: 5000, pingIdleConnection: false, connectTimeoutMs: connectMs },
    { ...o.tls, ...(socket === undefined ? {} : { createConnection: (at: URL) => wrapped(socket(), at, o.tls) }) },
  );
  const transport = createGrpcTransport({ baseUrl: e.url, sessionManager: manager });
  return {
    name: e.name,
    kv: createClient(KV, transport),
    watch: createClient(Watch, transport),
    lease: createClient(Lease, transport),
    cluster: createClient(Cluster, transport),
    maintenance: createClient(Maintenance, transport),
    reach: () => manager.reach(),
    end: () => manager.end(),
  };
}

/** One transport per member, the nearest first; who failed is asked last for a while. */
export class Members {
  readonly all: readonly Member[];
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #shunned = new Map<string, number>();

  constructor(o: EtcdOptions) {
    this.all = o.endpoints.map((e) => memberOf(e, o));
    this.timeoutMs = o.timeoutMs ?? TIMEOUT_MS;
    this.#clock = o.clock;
  }

  order(): readonly Member[] {
    const bad = (m: Member): number => {
      const at = this.#shunned.get(m.name);
      return at === undefined || at + SHUNNED_MS < this.#clock.monotonic() ? 0 : at;
    };
    return this.all.toSorted((a, b) => bad(a) - bad(b));
  }

  shun(m: Member): void {
    this.#shunned.set(m.name, this.#clock.monotonic());
  }

  /** The first answer of a call that may be made several times. Throws TW1020 with what every member says. */
  async ask<T>(what: string, call: (m: Member, o: { timeoutMs: number }) => Promise<T>): Promise<T> {
    const said: string[] = [];
    for (const m of this.order()) {
      const no = await m.reach();
      if (no === undefined) {
        try {
          return await call(m, { timeoutMs: this.timeoutMs });
        } catch (e) {
          said.push(`${m.name}: ${reasonOf(e)}`);
        }
      } else said.push(`${m.name}: ${no}`);
      this.shun(m);
    }
    throw unreachable(what, said);
  }

  close(): void {
    for (const m of this.all) m.end();
  }
}

export const unreachable = (value: string, why: readonly string[], cause?: unknown): TwError =>
  fault('TW1020', {
    value,
    why,
    ...(cause === undefined ? {} : { cause }),
    fix: [{ say: 'See which members of the coordination store answer:', command: 'tw coordination status' }],
  });
