import type { Block } from './block.ts';

/** State and the coordination store. */
export const TW5 = {
  TW5001: { title: 'the copies are too few for a failover', kind: 'user', exit: 4 },
  TW5002: { title: 'this cluster cannot be home', kind: 'user', exit: 2 },
  TW5003: { title: 'this is not there for this mode of state', kind: 'user', exit: 4 },
  TW5004: { title: 'the state is not shared', kind: 'user', exit: 2 },
  TW5005: { title: 'state that is there cannot change its mode', kind: 'user', exit: 4 },
  TW5006: { title: 'all clusters take writes: there is no home', kind: 'user', exit: 2 },
  TW5110: { title: 'nobody can prove to have every confirmed write', kind: 'transient', exit: 4 },
  TW5111: { title: 'the coordination store has no majority', kind: 'transient', exit: 4 },
  TW5112: { title: 'no member of the coordination store can be reached', kind: 'transient', exit: 4 },
  TW5113: { title: 'a Redis has no room left, or its log on disk was cut', kind: 'user', exit: 4 },
  TW5114: { title: 'the state of an app has no home', kind: 'transient', exit: 4 },
  TW5115: { title: 'no cluster takes writes for this app', kind: 'transient', exit: 4 },
  TW5116: { title: 'the coordination store cannot be made anew so', kind: 'user', exit: 4 },
  TW5120: { title: 'the clock of a cluster is off', kind: 'user', exit: 4 },
  TW5121: { title: 'a cluster lacks writes that no log has any more', kind: 'transient', exit: 4 },
  TW5130: { title: 'a snapshot of the state does not count', kind: 'transient', exit: 4 },
  TW5131: { title: 'there is no such snapshot', kind: 'user', exit: 2 },
  TW5132: { title: 'a backup or restore of the state is not possible now', kind: 'transient', exit: 7 },
  TW5140: { title: 'a planned move is not possible now', kind: 'transient', exit: 7 },
  TW5141: { title: 'the target of a move is too far behind', kind: 'transient', exit: 4 },
  TW5150: { title: 'this cluster has a copy of the state that is needed', kind: 'user', exit: 4 },
  TW5151: { title: 'this cluster cannot get a copy so', kind: 'user', exit: 2 },
  TW5152: { title: 'the copies of the state cannot be changed now', kind: 'transient', exit: 7 },
  TW5160: { title: 'a process of the state was not told what it needs', kind: 'user', exit: 2 },
} as const satisfies Block;
