export { ActiveAgent, type ActiveParts } from './active/keeper.ts';
export type { ActiveReport, PeerReport } from './active/ports.ts';
export { type ActiveHeard, activeFacts, activeGate, activeSettled } from './active/view.ts';
export { Agent, type AgentParts } from './agent.ts';
export type { Manifest as SnapshotManifest } from './backup/model.ts';
export { isDue, lastVerified } from './backup/plan.ts';
export { busy, ChangeRefused, changeVoters, sameSet, viewIn } from './change.ts';
export { type SharedState, type StateAppInput, stateApp, stateNames } from './deploy/app.ts';
export {
  AGENT_POD,
  DATA,
  gatewaysHost,
  KEYS,
  namespaceOf,
  PORTS,
  peerHost,
  peerService,
  prefixOf,
  REDIS,
  redisHost,
  SETTINGS,
  WIRE,
} from './deploy/names.ts';
export { readTold } from './deploy/read.ts';
export { type DataKeys, FILES, peersIn, type Settings } from './deploy/settings.ts';
export { freeze, freezeSay, frozen } from './freeze.ts';
export { type ActiveGatewayParts, activeGateway } from './gateway/active.ts';
export { clusterGateway } from './gateway/run.ts';
export { type Forced, forced } from './machine/force.ts';
export { HOLD as HOLD_KEY, JOINING as JOINING_KEY } from './machine/keys.ts';
export type { FenceReport, Shortage, StoreView } from './model.ts';
export { type Rtt, type StateInput, type StatePlan, statePlan } from './plan.ts';
export type { AgentDoor, AgentNote, AgentReport } from './ports.ts';
export { type ActiveConf, activeConf, type RedisSecrets } from './redisconf.ts';
export { roll } from './roll.ts';
export { amountOf } from './short.ts';
export { isStirred, type Stir, stirred } from './stir.ts';
export type { HomeChange } from './story.ts';
export { type Facts, factsOf, gateOf, type Heard, settled } from './view.ts';
export { refusedChange, type VoterWish, votersAfter } from './voters.ts';
export { wireHost } from './wire/header.ts';
