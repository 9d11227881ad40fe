import type { Block } from './block.ts';

/** Traffic. */
export const TW4 = {
  TW4001: { title: 'traffic of an app is not valid', kind: 'user', exit: 2 },
  TW4002: { title: 'address cannot be given to users', kind: 'user', exit: 1 },
  TW4020: { title: 'no automatic failover: too few observers', kind: 'user', exit: 1 },
  TW4030: { title: 'the other clusters cannot carry the load', kind: 'user', exit: 1 },
  TW4031: { title: 'the last serving cluster cannot be held', kind: 'user', exit: 1 },
  TW4032: { title: 'another cluster is held already', kind: 'user', exit: 1 },
  TW4033: { title: 'no such hold', kind: 'user', exit: 2 },
  TW4034: { title: 'no such cluster or host in the traffic snapshot', kind: 'user', exit: 2 },
  TW4041: { title: 'a name would lose its last cluster', kind: 'user', exit: 1 },
  TW4042: { title: 'another writer has a newer traffic snapshot', kind: 'transient', exit: 7 },
  TW4050: { title: 'traffic could not be told to any cluster', kind: 'transient', exit: 1 },
  TW4051: { title: 'no traffic snapshot is known', kind: 'user', exit: 1 },
  TW4070: { title: 'nameserver could not open its ports', kind: 'user', exit: 1 },
  TW4071: { title: 'nameserver argument is missing or not readable', kind: 'user', exit: 2 },
} as const satisfies Block;
