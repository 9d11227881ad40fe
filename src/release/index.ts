export { isDriven } from './beat.ts';
export type { Check } from './checks.ts';
export { type DryStep, dryRun } from './dryrun.ts';
export type { Evidence } from './evidence.ts';
export { type GatewayParts, gatewayApp } from './gateway/app.ts';
export type { Recovered } from './machine/recover.ts';
export { adoptedNotes, wantedLive } from './machine/settled.ts';
export { Measured } from './measured.ts';
export { isOpen, type Reason, type ReleaseRecord, type ReleaseRequest, type Stage, type SwitchState } from './model.ts';
export { reasonFor } from './observe.ts';
export { type PlanCluster, planRelease, type ReleasePlan } from './plan.ts';
export type { Brakes, Metrics, Prober, Put, ReleasePorts, Switch, SwitchSight, Workloads } from './ports.ts';
export { isLost, lookForRelease, type RecoverInput, recoverRelease, refusal } from './recovering.ts';
export {
  ask,
  type Claim,
  claim,
  forget,
  type Register,
  refuseOpen,
  registerOf,
  releasesIn,
  takeover,
} from './register.ts';
export { type DriveOptions, drive, type End, type RoundSeen } from './shell.ts';
export { Standing } from './standing.ts';
export { type ReleaseView, releaseRows, releaseView } from './view.ts';
