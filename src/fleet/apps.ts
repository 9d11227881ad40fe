import type { AppConfig, Config } from '../config/index.ts';
import type { FleetApp } from './model.ts';

/** An app of the config as fleet sees it. */
export function appOf(app: AppConfig): FleetApp {
  const { name, namespace, version, manifests, placement, overrides, replicas, pull } = app;
  return { name, namespace, version, source: { manifests }, placement, overrides, replicas, pull };
}

export function appsOf(config: Pick<Config, 'apps'>): FleetApp[] {
  return config.apps.map(appOf);
}
