import type { Block } from './block.ts';

/** release: the release machine, switches, gates, judge, rollback. */
export const TW7 = {
  TW7001: { title: 'another release holds the app', kind: 'user', exit: 7 },
  TW7002: { title: 'the plan changed after it was approved', kind: 'user', exit: 4 },
  TW7003: { title: 'the switch is not safe for a release', kind: 'user', exit: 4 },
  TW7004: { title: 'the two versions cannot share the state', kind: 'user', exit: 4 },
  TW7005: { title: 'there is no room for two versions', kind: 'user', exit: 4 },
  TW7006: { title: 'the app is not set up for releases', kind: 'user', exit: 2 },
  TW7007: { title: 'no such release', kind: 'user', exit: 2 },
  TW7008: { title: 'the release cannot do that now', kind: 'user', exit: 4 },
  TW7009: { title: 'the version is live already', kind: 'user', exit: 2 },
  TW7010: { title: 'green did not become ready in time', kind: 'user', exit: 5 },
  TW7011: { title: 'a gate does not pass', kind: 'user', exit: 5 },
  TW7012: { title: 'the cluster cannot be reached', kind: 'transient', exit: 4 },
  TW7020: { title: 'a cluster did not switch in time', kind: 'transient', exit: 5 },
  TW7021: { title: 'the switch was changed by somebody else', kind: 'user', exit: 4 },
  TW7030: { title: 'the judge failed the new version', kind: 'user', exit: 5 },
  TW7031: { title: 'the rollback is not complete', kind: 'transient', exit: 9 },
  TW7032: { title: 'a person ended the release', kind: 'user', exit: 5 },
  TW7040: { title: 'the register cannot be read or written', kind: 'transient', exit: 1 },
  TW7041: { title: 'this process was taken over by another one', kind: 'transient', exit: 7 },
  TW7050: { title: 'the old version is gone: going back is a new release', kind: 'user', exit: 4 },
} as const satisfies Block;
