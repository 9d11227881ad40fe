import { type Config, regionFacts } from '../../config/index.ts';
import { fault } from '../../kernel/index.ts';
import type { Recipe, RegistryLogin, SandboxCluster, SandboxRegion, SandboxSpec } from '../model.ts';
import { linksOf } from './links.ts';
import { builtinRecipes, mergeRecipes } from './recipes.ts';

export interface SpecOptions {
  /** Sandbox directory, folder of the Go binaries, root of the product; absolute. */
  dir: string;
  bins: string;
  root: string;
  /** Folder that holds `bin/node`. */
  node: string;
  env: Readonly<Record<string, string | undefined>>;
  recipes?: readonly Recipe[];
  registries?: readonly RegistryLogin[];
  /** Only these clusters. */
  clusters?: readonly string[];
}

/** The operator (tw and terraform) sits here, whether or not the fleet has a cluster there. */
const OPERATOR_REGION = 'canadacentral';
const OPERATOR_LAST_MILE_MS = 7.5;
const USER_LAST_MILE_MS = 5;
const CLOUDS_ONE_WAY_MS = 1;

/** Env TW_CLOUD_TIME, then the config, then 600 in CI, else 60. */
function cloudTimeOf(config: Config, env: SpecOptions['env']): number {
  const given = env['TW_CLOUD_TIME'];
  if (given !== undefined && given !== '') {
    const n = Number(given);
    if (!Number.isFinite(n) || n < 1) {
      throw fault('TW9010', {
        value: `TW_CLOUD_TIME=${given}`,
        why: ['a number of at least 1: it divides the time of the clouds'],
      });
    }
    return n;
  }
  return config.sandbox?.cloudTime ?? (env['CI'] ? 600 : 60);
}

function clustersOf(config: Config, only?: readonly string[]): { cluster: SandboxCluster; lat: number; lon: number }[] {
  return config.clusters.flatMap((c) =>
    c.cloud === 'existing' || (only !== undefined && !only.includes(c.name))
      ? []
      : [
          {
            cluster: { name: c.name, cloud: c.cloud, region: c.region, network: { ...c.network } },
            lat: c.location.lat,
            lon: c.location.lon,
          },
        ],
  );
}

function regionsOf(found: readonly { cluster: SandboxCluster; lat: number; lon: number }[]): SandboxRegion[] {
  const home = regionFacts('azure', OPERATOR_REGION);
  const sites = new Map(found.map((f) => [f.cluster.region, { lat: f.lat, lon: f.lon }]));
  if (!sites.has(OPERATOR_REGION)) {
    sites.set(OPERATOR_REGION, { lat: home?.lat ?? 43.65, lon: home?.lon ?? -79.38 });
  }
  return [...sites].map(([name, at], i) => ({ name, index: i + 1, ...at }));
}

/** Logins the sandbox's registries accept: the literal pull secrets of the config, unless `given` says otherwise. */
function registriesOf(config: Config, given: readonly RegistryLogin[]): RegistryLogin[] {
  const logins = new Map<string, RegistryLogin>();
  for (const pull of config.apps.flatMap((a) => a.pull)) {
    if ('value' in pull.username && 'value' in pull.password) {
      logins.set(pull.registry, {
        host: pull.registry,
        username: pull.username.value,
        password: pull.password.value,
      });
    }
  }
  for (const login of given) logins.set(login.host, login);
  return [...logins.values()];
}

/** Config → the sandbox that stands in for its clouds. Pure; throws TW9006, TW9010. */
export function specOf(config: Config, o: SpecOptions): SandboxSpec {
  const found = clustersOf(config, o.clusters);
  if (found.length === 0) {
    throw fault('TW9010', { value: config.fleet, why: ['no cluster of this fleet can live in a sandbox'] });
  }
  const regions = regionsOf(found);
  if (regions.length > 150 || found.length > 150) {
    throw fault('TW9006', { value: `${regions.length} regions`, why: ['the sandbox has addresses for 150 regions'] });
  }
  return {
    dir: o.dir,
    bins: o.bins,
    root: o.root,
    fleet: config.fleet,
    seed: config.sandbox?.seed ?? 1,
    cloudTime: cloudTimeOf(config, o.env),
    regions,
    users: found.map((f, i) => ({
      name: f.cluster.name,
      index: i + 1,
      region: f.cluster.region,
      lastMileMs: USER_LAST_MILE_MS,
    })),
    operator: { region: OPERATOR_REGION, lastMileMs: OPERATOR_LAST_MILE_MS },
    clouds: { oneWayMs: CLOUDS_ONE_WAY_MS },
    links: linksOf(regions),
    clusters: found.map((f) => f.cluster),
    hosts: config.apps.flatMap((a) => (a.traffic === undefined ? [] : [a.traffic.host])),
    recipes: mergeRecipes(builtinRecipes(o), o.recipes ?? []),
    registries: registriesOf(config, o.registries ?? []),
    accounts: config.accounts,
    ignoreMemory: o.env['TW_SANDBOX_MEMORY'] === 'ignore',
  };
}

interface Numbered {
  name: string;
  index: number;
}
/** What is known keeps its index and stays; what is new gets the lowest that is free. In the order of their indexes. */
function settle<T extends Numbered>(wanted: readonly T[], known: readonly T[]): T[] {
  const had = new Map(known.map((k) => [k.name, k.index]));
  const used = new Set(known.map((k) => k.index));
  const placed = wanted.map((w) => {
    let index = had.get(w.name) ?? 1;
    while (!had.has(w.name) && used.has(index)) index++;
    used.add(index);
    return { ...w, index };
  });
  const gone = known.filter((k) => !wanted.some((w) => w.name === k.name));
  return [...placed, ...gone].toSorted((a, b) => a.index - b.index);
}

/**
 * The spec for a directory that holds a world already (its own spec: `known`). Regions and users keep their indexes, for
 * addresses follow from them; none goes: clusters of a region may still stand, and people do not move away.
 */
export function grownFrom(spec: SandboxSpec, known: SandboxSpec | undefined): SandboxSpec {
  if (known === undefined) return spec;
  const regions = settle(spec.regions, known.regions);
  return { ...spec, regions, users: settle(spec.users, known.users), links: linksOf(regions) };
}

/** Of a spec what may change while the world runs: places that are new, and what is read anew when it changes. */
const GROWING = ['regions', 'users', 'links', 'clusters', 'hosts', 'recipes', 'registries'] as const;

/** Whether a world becomes another one without that anything of it ends. */
export function growsLive(known: SandboxSpec, spec: SandboxSpec): boolean {
  const fixed = (s: SandboxSpec): string => JSON.stringify({ ...s, ...Object.fromEntries(GROWING.map((k) => [k, 0])) });
  const kept = (was: readonly Numbered[], now: readonly Numbered[]): boolean =>
    was.every((w) => now.some((n) => JSON.stringify(n) === JSON.stringify(w)));
  return fixed(known) === fixed(spec) && kept(known.regions, spec.regions) && kept(known.users, spec.users);
}
