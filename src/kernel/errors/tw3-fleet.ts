import type { Block } from './block.ts';

/** fleet: manifests, placement, plan, apply, health, logs and exec. */
export const TW3 = {
  TW3001: { title: 'a manifest is not valid', kind: 'user', exit: 2 },
  TW3002: { title: 'rendering the app failed', kind: 'user', exit: 2 },
  TW3003: { title: 'the same object comes from two places', kind: 'user', exit: 2 },
  TW3004: { title: 'an override matches nothing', kind: 'user', exit: 2 },
  TW3005: { title: 'no cluster fits the app', kind: 'user', exit: 2 },
  TW3006: { title: 'an object refers to something that does not exist', kind: 'user', exit: 2 },
  TW3007: { title: 'a namespace of Kubernetes itself is not for apps', kind: 'user', exit: 2 },
  TW3011: { title: 'behind this name is another cluster than before', kind: 'user', exit: 4 },
  TW3012: { title: 'the cluster does not answer', kind: 'transient', exit: 4 },
  TW3013: { title: 'the cluster refused the request', kind: 'user', exit: 4 },
  TW3020: { title: 'the object belongs to another tool or fleet', kind: 'user', exit: 4 },
  TW3021: { title: 'the object already exists and was not made by this app', kind: 'user', exit: 4 },
  TW3022: { title: 'another manager owns a field of the object', kind: 'user', exit: 4 },
  TW3023: { title: 'a field that cannot be changed would change', kind: 'user', exit: 4 },
  TW3030: { title: 'the plan would delete more than allowed without a confirmation', kind: 'user', exit: 4 },
  TW3031: { title: 'the inventory in the cluster cannot be read', kind: 'user', exit: 4 },
  TW3032: { title: 'the inventory is too large for one object', kind: 'user', exit: 4 },
  TW3040: { title: 'the cluster changed since the plan was made', kind: 'transient', exit: 4 },
  TW3050: { title: 'somebody else is writing this app', kind: 'transient', exit: 7 },
  TW3060: { title: 'the app did not become healthy in time', kind: 'user', exit: 4 },
  TW3070: { title: 'the cluster rejected the object', kind: 'user', exit: 4 },
  TW3080: { title: 'no such pod', kind: 'user', exit: 2 },
  TW3081: { title: 'the command could not be run in the pod', kind: 'user', exit: 1 },
  TW3090: { title: 'cloud objects of the cluster are still there', kind: 'transient', exit: 4 },
} as const satisfies Block;
