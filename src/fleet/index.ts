export { type ApplyInput, fleetApply } from './applier.ts';
export { applysetId } from './applyset.ts';
export { appOf, appsOf } from './apps.ts';
export type { AppStatus, VersionStatus, WorkloadStatus } from './appstatus.ts';
export { type DrainInput, type DrainStep, removeCloudObjects } from './drain.ts';
export type { ApplyStep, FleetEvent, ObjectStep } from './events.ts';
export { type ExecIo, type ExecResult, execIn, fleetExec } from './exec.ts';
export { fleetLogs, type LogGap, type LogLine, type LogQuery, type LogText } from './logs.ts';
export type {
  AppPlan,
  Blast,
  ClusterPlan,
  Decision,
  FieldChange,
  FleetApp,
  FleetPlan,
  FleetSource,
  Health,
  HealthState,
  Inventory,
  KubeObject,
  Op,
  OpKind,
  PodRef,
  Presence,
  Ref,
  Versions,
} from './model.ts';
export { balancerNotes, type MeetInput, meetPeers, type PeerName } from './peers.ts';
export type { Allow, TakeOver } from './plan/fold.ts';
export { health } from './plan/health.ts';
export { versionedName } from './plan/names.ts';
export { dictOf, equal, keyOf, listOf, sayRef, textOf } from './plan/objects.ts';
export { place, placedOn } from './plan/placement.ts';
export { publicPlan } from './plan/summary.ts';
export { fleetPlan, type PlanCluster, type PlanInput } from './planner.ts';
export { type ClusterApi, type PodQuery, pickTarget, type Target, targetsOf } from './pods.ts';
export {
  type Access,
  type Credentials,
  type FleetPorts,
  type KubeApi,
  KubeError,
  type PodPort,
  type Renderer,
} from './ports.ts';
export { renderedService } from './rendered.ts';
export {
  type ClusterStatus,
  fleetStatus,
  type LoadBalancer,
  loadBalancerAt,
  loadBalancers,
  type StatusInput,
} from './status.ts';
export type { VersionState } from './versionstate.ts';
export { VersionedWorkloads, type WorkloadsInput } from './workloads.ts';
