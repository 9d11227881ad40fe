export { wrongAddress } from './address.ts';
export { casOnce } from './cas-once.ts';
export { type Clock, manualClock, systemClock, within } from './clock.ts';
export { type Block, type ErrorEntry, EXIT, type ExitCode } from './errors/block.ts';
export { CATALOGUE, type Code, entryOf } from './errors/catalogue.ts';
export {
  causes,
  type FaultDetails,
  type Fix,
  fault,
  type Problem,
  TwError,
  type Where,
} from './errors/fault.ts';
export { changeFile, createFile, madeOnce, readFile, replaceFile } from './files.ts';
export { estimatedRtt, km, type LatLon } from './geo.ts';
export {
  type Entry,
  type Fact,
  JOURNAL_FILE,
  type Journal,
  type JournalQuery,
  memoryJournal,
  openJournal,
} from './journal.ts';
export { canonical, digest, type Json, own, toJson } from './json.ts';
export { type Cloud, type ClusterName, LABEL_PREFIX } from './names.ts';
export { problemOf } from './problem.ts';
export { type ProcessId, processStat, startOf, stillRuns, thisProcess } from './process.ts';
export type {
  CasResult,
  Lease,
  LeaseId,
  ReadMode,
  Store,
  StoreEntry,
  StoreView,
  Txn,
  TxnResult,
} from './store.ts';
export type { MemberEntry, MemberState } from './store-etcd/admin.ts';
export { memoryStore, type StoreCall, type StoreFault, StoreWorld } from './store-memory.ts';
export { openStore } from './store-sqlite.ts';
export { clean, cleanLines, duration, nearest } from './text.ts';
export { code, type Row, SIGN, type Span, type Tone, text, untrusted, type View } from './view.ts';
