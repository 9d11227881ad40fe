/** The last answers, in memory only; of a client no more than its /24 or /48 is kept. */
export interface Ring {
  put(e: Answered): void;
  /** Newest first. */
  recent(most: number): Answered[];
}
interface Answered {
  at: number;
  /** Upper bits of the client: IPv4 /24 as 32 bits, 0 for IPv6. */
  net: number;
  row: number;
  slot: number;
  site: number;
  scope: number;
}

export function createRing(size = 4096): Ring {
  const at = new Float64Array(size);
  const net = new Uint32Array(size);
  const row = new Uint32Array(size);
  const slot = new Uint16Array(size);
  const site = new Uint8Array(size);
  const scope = new Uint8Array(size);
  let next = 0;
  const read = (i: number): Answered => ({
    at: at[i] ?? 0,
    net: net[i] ?? 0,
    row: row[i] ?? 0,
    slot: slot[i] ?? 0,
    site: site[i] ?? 0,
    scope: scope[i] ?? 0,
  });
  return {
    put: (e) => {
      const i = next++ % size;
      at[i] = e.at;
      net[i] = e.net;
      row[i] = e.row;
      slot[i] = e.slot;
      site[i] = e.site;
      scope[i] = e.scope;
    },
    recent: (most) => {
      const count = Math.min(most, next, size);
      return Array.from({ length: count }, (_, k) => read((next - 1 - k) % size));
    },
  };
}
