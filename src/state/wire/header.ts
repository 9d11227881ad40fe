// The one line with which a stream between clusters begins, and the one line that answers it.
import type { ClusterName } from '../../kernel/index.ts';
import type { Ballot } from '../model.ts';

export type StreamKind = 'data' | 'repl' | 'ping';

export interface Header {
  kind: StreamKind;
  /** The decided epoch that the caller means; of no matter for a ping. */
  epoch: Ballot;
  from: ClusterName;
  to: ClusterName;
  /** 1 = through another cluster; such a stream is never passed on again. */
  hop: 0 | 1;
}

/** Bytes of the longest line. */
export const LINE = 512;
export const ALPN = 'tw-state/1';

/** The name in the certificate of a cluster's data plane. */
export const wireHost = (c: ClusterName): string => `${c}.state.tradewind`;

export const headerLine = (h: Header): string => `${JSON.stringify(h)}\n`;

const KINDS: ReadonlySet<unknown> = new Set(['data', 'repl', 'ping']);

function parsed(line: string): Partial<Record<keyof Header, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The header, or undefined when the line is none. */
export function parseHeader(line: string): Header | undefined {
  const { kind, epoch, from, to, hop } = parsed(line);
  const names = [from, to].every((n) => typeof n === 'string' && n !== '');
  const fine = KINDS.has(kind) && Number.isSafeInteger(epoch) && (hop === 0 || hop === 1) && names;
  return fine ? ({ kind, epoch, from, to, hop } as Header) : undefined;
}

/** What a door does with a stream. */
export type DoorStep =
  | { do: 'redis' }
  | { do: 'ping' }
  | { do: 'relay'; to: ClusterName }
  /** The caller has heard of a newer epoch than the Redis here is at: it may be there in a moment. */
  | { do: 'wait'; why: string }
  | { do: 'refuse'; why: string };

export interface DoorView {
  me: ClusterName;
  peers: ReadonlySet<ClusterName>;
  /** Epoch that the Redis here was promoted or attached for; 0 = fenced. */
  epoch: Ballot;
  /** The cluster that the certificate names. */
  certified: (c: ClusterName) => boolean;
}

/** Decides by the header alone. A relayed stream shows the relay's caller in both certificates: it is end to end. */
export function doorStep(h: Header, d: DoorView): DoorStep {
  if (!d.certified(h.from)) return { do: 'refuse', why: `the certificate is not of ${h.from}` };
  if (h.to !== d.me) {
    if (h.hop === 0) return { do: 'refuse', why: `this is ${d.me}, not ${h.to}` };
    return d.peers.has(h.to) ? { do: 'relay', to: h.to } : { do: 'refuse', why: `${h.to} is not known here` };
  }
  if (h.kind === 'ping') return { do: 'ping' };
  if (d.epoch === h.epoch && d.epoch !== 0) return { do: 'redis' };
  const why = d.epoch === 0 ? 'fenced' : `epoch is ${d.epoch}, not ${h.epoch}`;
  return { do: d.epoch < h.epoch ? 'wait' : 'refuse', why };
}

/** Round trips to one peer: p50 of the last ones. */
export class Rtts {
  readonly #last: number[] = [];
  add(ms: number): void {
    this.#last.push(ms);
    if (this.#last.length > 31) this.#last.shift();
  }
  get p50(): number | undefined {
    return [...this.#last].sort((a, b) => a - b)[Math.floor(this.#last.length / 2)];
  }
}

/** How long a way may take to open before another is tried, milliseconds. */
export const openLimit = (rtt: number | undefined): number => Math.max(1500, 4 * (rtt ?? 0));
