import type { Context } from 'hono';
import { readToken } from '../auth/tokens.ts';
import type { Accounts } from '../credentials.ts';
import { drawOf } from '../draw.ts';
import { vcpuInUse } from '../machine/checks.ts';
import type { Chaos, ChaosKind, CloudError, CloudName, Resource } from '../model.ts';
import { DEFAULT_VCPU } from '../offers.ts';
import { num, str } from '../values.ts';
import type { Engine } from './engine.ts';

/** What the doors of the clouds' own APIs work with. */
export interface ApiDeps {
  engine: Engine;
  accounts: Accounts;
  seed: number;
  /** Clusters of the config, for chaos that names one. */
  clusters: readonly { name: string; cloud: CloudName; region: string }[];
}

/** `wrong`, `expired`, `account` while chaos spoils a cloud's credentials. */
export function spoiled(d: ApiDeps, cloud: CloudName): string | undefined {
  const c = d.engine.chaos().find((x) => x.what === 'credentials' && (x.where.cloud ?? cloud) === cloud);
  return c && (str(c.args.how) || 'wrong');
}

export const requestId = (d: ApiDeps, c: Context): string =>
  drawOf(d.seed, `${d.engine.now()} ${c.req.url}`).uuid('request');

/** Subject and audience of a valid bearer token of this cloud. */
export function bearer(
  d: ApiDeps,
  c: Context,
  cloud: 'azure' | 'gcp',
): { subject: string; audience: string } | undefined {
  const token = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
  const claims = spoiled(d, cloud) === 'expired' ? undefined : readToken(d.seed, token, d.engine.now());
  return claims?.cloud === cloud ? claims : undefined;
}

/** Chaos of a region. A region has no cluster yet: chaos that names one counts where that cluster will be. */
function chaosIn(d: ApiDeps, what: ChaosKind, cloud: CloudName, region: string): Chaos | undefined {
  const now = d.engine.now();
  const fits = (c: Chaos): boolean => {
    const home = d.clusters.find((k) => k.name === c.where.cluster);
    const at = home ?? c.where;
    return (at.cloud ?? cloud) === cloud && (at.region ?? region) === region;
  };
  return d.engine
    .chaos()
    .find((c) => c.what === what && now >= c.from && (c.until === undefined || now < c.until) && fits(c));
}

/** vCPU that may run and that run in a region. */
export function vcpu(d: ApiDeps, cloud: CloudName, region: string): { limit: number; used: number } {
  const chaos = chaosIn(d, 'quota', cloud, region);
  const limit = chaos && (str(chaos.args.what) || 'vcpu') === 'vcpu' ? (num(chaos.args, 'limit') ?? 0) : DEFAULT_VCPU;
  return { limit, used: vcpuInUse(d.engine.world(), cloud, region) };
}

/** Whether chaos withholds a machine type in a zone. */
export function withheld(d: ApiDeps, o: { cloud: CloudName; region: string; type: string; zone: string }): boolean {
  const chaos = chaosIn(d, 'typeMissing', o.cloud, o.region);
  if (chaos === undefined || (str(chaos.args.machineType) || o.type) !== o.type) return false;
  // Without a zone AWS lacks it in the first one, the others have no zone in their answer at all.
  const zone = str(chaos.args.zone) || (o.cloud === 'aws' ? `${o.region}a` : o.zone);
  return zone === o.zone;
}

/** Objects of the world that one account sees. */
export function visible(d: ApiDeps, types: readonly string[], region?: string): Resource[] {
  return [...d.engine.world().resources.values()].filter(
    (r) => types.includes(r.type) && (region === undefined || r.region === region),
  );
}

/** One API call that deletes an object; resolves when it is gone or refused. */
export async function erase(d: ApiDeps, r: Resource): Promise<CloudError | undefined> {
  const { op, error } = d.engine.submit({ kind: 'sweep', key: r.key });
  if (error || op === undefined) return error;
  await d.engine.settled(op);
  return d.engine.world().ops.get(op)?.error;
}

/** Starts the deletion of an object without waiting for its end. */
export const eraseLater = (d: ApiDeps, r: Resource): { op?: string; error?: CloudError } =>
  d.engine.submit({ kind: 'sweep', key: r.key });
