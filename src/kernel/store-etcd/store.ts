import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Json } from '../json.ts';
import {
  type CasResult,
  checkTxn,
  type Lease,
  type ReadMode,
  type Store,
  type StoreView,
  type Txn,
  type TxnResult,
} from '../store.ts';
import type { TxnRequestSchema } from './etcd_pb.ts';
import { bytes, endOf, entryOf, LED } from './keys.ts';
import { openLease } from './lease.ts';
import { type EtcdOptions, type Member, Members, unreachable } from './members.ts';
import { meaningOf, reasonOf } from './reasons.ts';
import { followed } from './watch.ts';

const MOD = 2;

type Request = MessageInitShape<typeof TxnRequestSchema>;

function requestOf(root: string, t: Txn): Request {
  const key = (k: string): Uint8Array<ArrayBuffer> => bytes(root + k);
  const puts = t.put.map((p) => ({
    request: {
      case: 'requestPut' as const,
      value: { key: key(p.key), value: bytes(JSON.stringify(p.value)), lease: BigInt(p.lease ?? 0) },
    },
  }));
  const removals = (t.remove ?? []).map((k) => ({
    request: { case: 'requestDeleteRange' as const, value: { key: key(k) } },
  }));
  return {
    compare: t.if.map((g) => ({
      target: MOD,
      key: key(g.key),
      targetUnion: { case: 'modRevision' as const, value: BigInt(g.revision) },
    })),
    success: [...puts, ...removals],
  };
}

/** The store on etcd: every call has a deadline, and a write is sent once. */
export class EtcdStore implements Store {
  readonly #root: string;
  readonly #members: Members;
  readonly #o: EtcdOptions;
  readonly #closed = new AbortController();

  constructor(o: EtcdOptions) {
    this.#o = o;
    this.#root = o.root;
    this.#members = new Members(o);
  }

  async get(key: string): Promise<{ value: Json | undefined; revision: number }> {
    const at = bytes(this.#root + key);
    const { kvs } = await this.#members.ask(key, (m, o) => m.kv.range({ key: at }, { ...o, ...LED }));
    const [kv] = kvs;
    if (kv === undefined) return { value: undefined, revision: 0 };
    const { value, revision } = entryOf(this.#root, kv);
    return { value, revision };
  }

  async cas(key: string, revision: number, value: Json): Promise<CasResult> {
    return (await this.txn({ if: [{ key, revision }], put: [{ key, value }] })).is;
  }

  async list(prefix: string): Promise<string[]> {
    return (await this.range(prefix)).entries.map((e) => e.key);
  }

  async range(prefix: string, mode: ReadMode = 'linearizable'): Promise<StoreView> {
    const from = this.#root + prefix;
    const request = { key: bytes(from), rangeEnd: endOf(from), serializable: mode === 'local' };
    const led = mode === 'local' ? {} : LED;
    const { header, kvs } = await this.#members.ask(prefix, (m, o) => m.kv.range(request, { ...o, ...led }));
    return { revision: Number(header?.revision ?? 0), entries: kvs.map((kv) => entryOf(this.#root, kv)) };
  }

  async txn(t: Txn): Promise<TxnResult> {
    checkTxn(t);
    const request = requestOf(this.#root, t);
    const said: string[] = [];
    for (const m of this.#members.order()) {
      const no = await m.reach();
      const answer = no === undefined ? await this.#send(m, request) : no;
      if (typeof answer !== 'string') return answer;
      said.push(`${m.name}: ${answer}`);
      this.#members.shun(m);
    }
    throw unreachable(t.put[0]?.key ?? '', said);
  }

  watch(prefix: string, signal: AbortSignal): AsyncIterable<StoreView> {
    const end = AbortSignal.any([signal, this.#closed.signal]);
    const from = { root: this.#root, prefix, clock: this.#o.clock, members: this.#members };
    return followed({ ...from, view: () => this.range(prefix), signal: end });
  }

  lease(ttlMs: number): Promise<Lease> {
    return openLease({ ttlMs, clock: this.#o.clock, members: this.#members, closed: this.#closed.signal });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#members.close();
  }

  /** Sends it to one member; a string says why certainly nothing was written and another one may take it. */
  async #send(m: Member, request: Request): Promise<TxnResult | string> {
    try {
      const r = await m.kv.txn(request, { timeoutMs: this.#members.timeoutMs, ...LED });
      return r.succeeded ? { is: 'ok', revision: Number(r.header?.revision ?? 0) } : { is: 'stale' };
    } catch (e) {
      const why = reasonOf(e);
      const meaning = meaningOf(e);
      if (meaning === 'elsewhere') return why;
      if (meaning === 'refused') throw unreachable(m.name, [why], e);
      this.#members.shun(m);
      return { is: 'unknown', why: `${m.name}: ${why}` };
    }
  }
}
