import type { ReleaseConfig } from '../config/index.ts';
import { type ClusterName, digest } from '../kernel/index.ts';
import { type Shared, sharingOf } from './machine/compat.ts';
import type { AppId, Reason, Terms, VersionId, Wave } from './model.ts';

/** What the plan of a release is made from; everything was read before. */
export interface PlanInput {
  app: AppId;
  green: VersionId;
  config: ReleaseConfig;
  /** Clusters the app is placed on, in the order of the config, with what was seen of each. */
  clusters: readonly PlanCluster[];
  /** Words of the person that win over the config. */
  wish?: { strategy?: 'atomic' | 'waves'; hold?: 'commit' };
}
export interface PlanCluster {
  name: ClusterName;
  /** Version that is live; absent = the cluster could not be asked, and `silent` says why. */
  live?: VersionId;
  silent?: Reason;
  /** Objections of the switch driver and of the clusters (TW7003, TW7005). */
  refused: readonly Reason[];
  /** What is not graceful about green's pods there, in words. */
  warnings?: readonly string[];
  /** Requests seen at the gateway, for the order of the waves; absent = not measured. */
  requests?: number;
}
export interface ReleasePlan {
  /** `r-` and twelve hex digits of the digest over everything that was agreed. */
  id: string;
  app: AppId;
  green: VersionId;
  blue: Readonly<Record<ClusterName, VersionId>>;
  members: readonly ClusterName[];
  lagging: readonly ClusterName[];
  terms: Terms;
  /** Why it may not start; empty = it may. */
  refused: readonly Reason[];
  /** Promises that are not kept exactly, in words. */
  gaps: readonly string[];
  /** What cannot be taken back once it is released, in words: a person confirms it by the plan's id. */
  contract?: string;
}

const QUIET_MS = 30_000;
const QUIET_MOST_MS = 600_000;

/** Least traffic first: a bad version meets the fewest users. Unmeasured clusters keep their order. */
function byTraffic(clusters: readonly PlanCluster[]): readonly PlanCluster[] {
  if (clusters.some((c) => c.requests === undefined)) return clusters;
  return clusters.toSorted((a, b) => (a.requests ?? 0) - (b.requests ?? 0));
}

function wavesOf(i: PlanInput, members: readonly PlanCluster[]): Wave[] {
  const { config, wish } = i;
  const soakOf = (own: number | undefined, last: boolean): number => own ?? (last ? config.lastSoak : config.soak);
  const strategy = wish?.strategy ?? config.strategy;
  const names = new Set(members.map((m) => m.name));
  const lists =
    strategy === 'atomic'
      ? [{ clusters: [...names], soak: undefined }]
      : (config.waves?.map((w) => ({ clusters: w.clusters.filter((c) => names.has(c)), soak: w.soak })) ??
        byTraffic(members).map((m) => ({ clusters: [m.name], soak: undefined })));
  const filled = lists.filter((w) => w.clusters.length > 0);
  return filled.map((w, n) => ({ clusters: w.clusters, soakMs: soakOf(w.soak, n === filled.length - 1) }));
}

function termsOf(i: PlanInput, members: readonly PlanCluster[]): Terms {
  const { config } = i;
  const { approve } = config;
  return {
    waves: wavesOf(i, members),
    prepareMs: config.prepare.timeout,
    require: config.prepare.require,
    skewMs: config.skew.max,
    onMissed: config.skew.onMissed,
    keepBlueMs: config.keepBlue,
    approve: i.wish?.hold === 'commit' && !approve.includes('commit') ? [...approve, 'commit'] : approve,
    quietMs: QUIET_MS,
    quietMostMs: QUIET_MOST_MS,
  };
}

/** Clusters of the config's waves must be the clusters of the app. */
function waveReasons(i: PlanInput): Reason[] {
  const named = i.config.waves?.flatMap((w) => w.clusters);
  if (named === undefined || i.wish?.strategy === 'atomic') return [];
  return i.clusters
    .filter((c) => !named.includes(c.name))
    .map((c) => ({ code: 'TW7006', say: `release.waves does not name ${c.name}`, cluster: c.name }));
}

function reasons(i: PlanInput, members: readonly PlanCluster[], shared: Shared): Reason[] {
  const already = members.length > 0 && members.every((m) => m.live === i.green);
  const silent = i.clusters.flatMap((c) => (c.silent === undefined ? [] : [c.silent]));
  return [
    ...(members.length === 0 ? [{ code: 'TW7012', say: 'no cluster of the app can be reached' }] : []),
    ...(already ? [{ code: 'TW7009', say: `${i.green} is live in every cluster already` }] : []),
    ...(i.config.prepare.require === 'skip' ? [] : silent),
    ...waveReasons(i),
    ...shared.refused,
    ...members.flatMap((m) => m.refused),
  ];
}

/** Said once where it is the same in every cluster. */
function warningsOf(clusters: readonly PlanCluster[]): string[] {
  const all = [...new Set(clusters.flatMap((c) => c.warnings ?? []))];
  return all.map((w) => {
    const where = clusters.filter((c) => c.warnings?.includes(w)).map((c) => c.name);
    return where.length === clusters.length ? w : `${where.join(', ')}: ${w}`;
  });
}

function gapsOf(i: PlanInput, shared: Shared): string[] {
  const gaps = [...warningsOf(i.clusters), ...shared.gaps];
  if (i.config.driver === 'service')
    gaps.push('driver service: open connections stay on the old version until they are closed');
  if (i.clusters.every((c) => c.requests === undefined))
    gaps.push('no cluster measures requests: waves keep the order of the config, the judge cannot see errors');
  gaps.push('register: local to this machine; a second machine is kept out by the fences of the switches alone');
  return gaps;
}

/** The plan of one release as a value: members, waves and terms are frozen into its id. Pure. */
export function planRelease(i: PlanInput): ReleasePlan {
  const members = i.clusters.filter((c) => c.live !== undefined);
  const lagging = i.clusters.filter((c) => c.live === undefined).map((c) => c.name);
  const terms = termsOf(i, members);
  const blue = Object.fromEntries(members.map((m) => [m.name, m.live ?? '']));
  const leavesOut = lagging.length > 0 || terms.require === 'skip';
  const shared = sharingOf({ green: i.green, blue, sharing: i.config.state, leavesOut });
  const contract = shared.contract === undefined ? {} : { contract: shared.contract };
  const whole = {
    app: i.app,
    green: i.green,
    blue,
    lagging,
    ...contract,
    terms: { ...terms, waves: terms.waves.map((w) => ({ ...w })) },
  };
  return {
    id: `r-${digest(JSON.parse(JSON.stringify(whole))).slice('sha256:'.length, 'sha256:'.length + 12)}`,
    app: i.app,
    green: i.green,
    blue,
    members: members.map((m) => m.name),
    lagging,
    terms,
    refused: reasons(i, members, shared),
    gaps: gapsOf(i, shared),
    ...contract,
  };
}
