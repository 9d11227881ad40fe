export { readAnew } from './anew.ts';
export type { CoordinationConfig } from './coordination.ts';
export { findConfig } from './find.ts';
export {
  checkConfig,
  configJsonSchema,
  defineConfig,
  loadConfig,
  readConfigInput,
  readSecret,
  stateOf,
} from './load.ts';
export type {
  AppConfig,
  ClusterConfig,
  Config,
  GatewayConfig,
  Override,
  Placement,
  PullSecret,
  ReleaseConfig,
  Replicas,
  SandboxConfig,
  SecretRef,
  Serve,
  TrafficConfig,
} from './model.ts';
export { isRouted } from './model.ts';
export { regionFacts } from './regions.ts';
export type { ConfigInput } from './schema.ts';
