/** The only door of the room. Adapters are taken from `adapters/` by compose. */
export { trafficStatus, type Why, why } from './ask.ts';
export { type BrakeOptions, type TrafficBrakes, trafficBrakes } from './brakes.ts';
export { currentSnapshot, type TrafficDeps, trafficApply } from './engine.ts';
export { hold, lift } from './holds.ts';
export { buildMap, type Known } from './machine/map.ts';
export type { Receipt } from './model.ts';
export { nameserverOptions, runNameserver } from './nameserver/run.ts';
export { nameserverApp, SYSTEM_NAMESPACE } from './nameserver-app.ts';
export { trafficPlan } from './plan.ts';
export type { SnapshotStore } from './ports.ts';
export { makeKeys, type TrafficKeys } from './sign.ts';
export { type Discovered, snapshotOf } from './snapshot.ts';
export { type WorldMap, worldMap } from './worldmap.ts';
