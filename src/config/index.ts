export { checkConfig, configJsonSchema, defineConfig, findConfig, loadConfig, readSecret } from './load.ts';
export type {
  AppConfig,
  ClusterConfig,
  Config,
  Override,
  Placement,
  PullSecret,
  Replicas,
  SandboxConfig,
  SecretRef,
  Serve,
  TrafficConfig,
} from './model.ts';
export { regionFacts } from './regions.ts';
export type { ConfigInput } from './schema.ts';
