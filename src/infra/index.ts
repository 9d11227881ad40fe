export { cloudLeftovers, openClouds } from './adapters/clouds/index.ts';
export {
  type CredentialArgs,
  credentialArgs,
  credentialsFor,
  type KubeToken,
  kubeCredential,
} from './adapters/credentials/index.ts';
export { type FoundTerraform, findTerraform, type OpenOptions, openTerraform } from './adapters/find.ts';
export { type KubeconfigOptions, writeKubeconfig } from './adapters/kubeconfig.ts';
export { type FleetCa, fleetCa as openFleetCa, knownCa } from './adapters/pki.ts';
export { infraApply } from './apply.ts';
export { askClouds } from './ask-clouds.ts';
export { type DestroyInput, infraDestroy, infraInventory } from './destroy.ts';
export type { InfraContext, Signals } from './engine.ts';
export type {
  AuthTarget,
  Change,
  ClusterOutput,
  EndEvent,
  Envelope,
  InfraEvent,
  InfraPlan,
  Outputs,
  Phase,
  Place,
  Presence,
  RootEvent,
  RootId,
  RootPlan,
  RootState,
} from './model.ts';
export { infraOutputs } from './outputs-door.ts';
export { infraPlan, type PlanInput } from './plan-roots.ts';
export type { DrainPort, DrainStep, Leftover, LeftoverPort, Terraform } from './ports.ts';
export { preflight } from './preflight.ts';
export { refusedBy, type Verdict } from './preflight-cloud.ts';
export { infraForget, infraResume, infraSettle, toResume, unfinished, unfinishedChanges } from './resume.ts';
export { foldInfra, type InfraFold, infraView } from './view.ts';
