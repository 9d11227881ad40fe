export { CANARY, type Manifest } from './model.ts';
export { chooseCopy, givenUp, idOf, lastVerified, misfit, outdated, tooOld } from './plan.ts';
export { type Loader, SnapshotError, type Vault } from './ports.ts';
export { RestoreRefused, restoreSnapshot } from './restore.ts';
export { bytesOfSnapshot, manifestsIn, reload, removeSnapshot, takeSnapshot } from './take.ts';
