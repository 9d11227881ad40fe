import type { Json } from '../json.ts';
import type { StoreEntry } from '../store.ts';
import type { KeyValue } from './etcd_pb.ts';

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

export const bytes = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** End of the range of all keys with this prefix: the next key that has it not. */
export function endOf(prefix: string): Uint8Array<ArrayBuffer> {
  const end = bytes(prefix);
  // UTF-8 has no byte 255: the last one can always be raised.
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** Metadata of calls that make no sense without a leader: a cut-off member says so instead of waiting. */
export const LED = { headers: { hasleader: 'true' } } as const;

/** An entry as the store's users see it: without the root. */
export const entryOf = (root: string, kv: KeyValue): StoreEntry => ({
  key: decoder.decode(kv.key).slice(root.length),
  value: JSON.parse(decoder.decode(kv.value)) as Json,
  revision: Number(kv.modRevision),
});
