/** The only door of the room. Adapters are taken from `adapters/` by compose. */
export { type TrafficStatus, trafficStatus, type Why, type WhyServer, why } from './ask.ts';
export {
  currentSnapshot,
  type NameserverView,
  type TrafficApplied,
  type TrafficDeps,
  trafficApply,
} from './engine.ts';
export { type HoldRequest, hold, type LiftRequest, lift } from './holds.ts';
export { evaluate } from './machine/evaluate.ts';
export { explain } from './machine/explain.ts';
export { buildMap, type Known, mapText } from './machine/map.ts';
export { snapshotId, worldOf } from './machine/world.ts';
export type {
  Decision,
  Hold,
  Intent,
  LatencyMap,
  Lever,
  Query,
  Receipt,
  ServerView,
  SignedSnapshot,
  Site,
  Snapshot,
  Verdict,
  World,
} from './model.ts';
export {
  type Nameserver,
  type NameserverOptions,
  nameserverOptions,
  runNameserver,
  startNameserver,
} from './nameserver/run.ts';
export {
  NAMESERVER_NAME,
  type NameserverAppInput,
  nameserverApp,
  SYSTEM_NAMESPACE,
  type SystemObject,
} from './nameserver-app.ts';
export { type Change, type Gap, intentsOf, PROBE, type TrafficPlan, trafficPlan } from './plan.ts';
export type { Http, HttpRequest, Lookup, LookupAnswer, LookupQuestion, SnapshotStore } from './ports.ts';
export { makeKeys, SNAPSHOT_OBJECT, signSnapshot, type TrafficKeys, verifySnapshot } from './sign.ts';
export { type Discovered, type SnapshotInput, snapshotOf } from './snapshot.ts';
