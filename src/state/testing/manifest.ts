import type { Manifest } from '../backup/model.ts';

/** A snapshot that counts, taken at that time. */
export const manifestOf = (at: number, x: Partial<Manifest> = {}): Manifest => ({
  id: `book-${at}`,
  fleet: 'f',
  app: 'book',
  at,
  tookMs: 1,
  kind: 'snapshot',
  from: 'ca',
  home: 'au',
  log: { epoch: 3, replid: 'r', offset: 100 },
  engine: '7.0.15',
  size: 2048,
  sha256: 'ab',
  keys: 5,
  is: 'verified',
  ...x,
});
