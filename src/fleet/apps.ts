import type { AppConfig, Config } from '../config/index.ts';
import { fault } from '../kernel/index.ts';
import type { FleetApp, UnitOf, Versions } from './model.ts';
import { versionedName } from './plan/names.ts';
import { place } from './plan/placement.ts';

/** An app of the config as fleet sees it, whole. */
export function appOf(app: AppConfig): FleetApp {
  const { name, namespace, version, manifests, placement, overrides, replicas, pull } = app;
  return { name, namespace, version, source: { manifests }, placement, overrides, replicas, pull };
}

type Fleet = Pick<Config, 'apps' | 'clusters'>;

/** Clusters that the app is placed on, with the versions that run there, the live one first. */
function running(app: AppConfig, config: Fleet, versions: Versions): [cluster: string, versions: readonly string[]][] {
  const clusters = config.clusters.map((facts) => ({ facts, presence: 'present' as const }));
  return place(app.name, app.placement, clusters)
    .filter((d) => d.placed)
    .map((d) => {
      const there = versions[app.name]?.[d.cluster] ?? [];
      return [d.cluster, there.length === 0 ? [app.version] : there];
    });
}

function unitsOf(app: AppConfig, config: Fleet, versions: Versions): FleetApp[] {
  const { release, traffic } = app;
  const whole = appOf(app);
  if (release === undefined || traffic === undefined) return [whole];
  const known = Object.entries(versions[app.name] ?? {});
  const live = Object.fromEntries(known.flatMap(([c, v]) => (v[0] === undefined ? [] : [[c, v[0]]])));
  const unit: UnitOf = { app: app.name, service: traffic.service, driver: release.driver, live };
  const where = running(app, config, versions);
  const all = [...new Set(where.flatMap(([, v]) => v))].toSorted();
  return [{ ...whole, unit }, ...all.map((version) => versionUnit({ ...whole, unit }, version, where))];
}

function versionUnit(
  app: FleetApp & { unit: UnitOf },
  version: string,
  where: readonly [cluster: string, versions: readonly string[]][],
): FleetApp {
  return {
    ...app,
    name: versionedName(app.name, version),
    version,
    placement: { clusters: where.filter(([, v]) => v.includes(version)).map(([c]) => c) },
    unit: { ...app.unit, version },
  };
}

/**
 * The apps of the config. A released one becomes a shared unit, named as the app, and a unit for each
 * version that runs somewhere; `versions` says which run where, as the switches do. Throws TW3003 when an
 * app has the name of such a unit.
 */
export function appsOf(config: Fleet, versions: Versions = {}): FleetApp[] {
  const units = config.apps.flatMap((app) => unitsOf(app, config, versions));
  const twice = units.find((u) => u.unit?.version !== undefined && config.apps.some((a) => a.name === u.name));
  if (twice !== undefined)
    throw fault('TW3003', {
      value: twice.name,
      where: [{ path: `apps.${twice.name}` }, { path: `apps.${twice.unit?.app ?? ''}.release` }],
      why: [`version ${twice.version} of ${twice.unit?.app ?? ''} is kept under the name of another app`],
      fix: [{ say: 'Give that app another name.' }],
    });
  return units;
}
