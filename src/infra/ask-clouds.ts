import type { Config } from '../config/index.ts';
import { type ClusterName, problemOf } from '../kernel/index.ts';
import type { BuiltNodes } from './built.ts';
import { type BuiltCloud, CloudError, type CloudPort, type Spot } from './cloud.ts';
import {
  type CloudFacts,
  candidates,
  cloudVerdicts,
  grows,
  type Known,
  spotsOf,
  type Verdict,
} from './preflight-cloud.ts';

export interface AskInput {
  config: Config;
  clouds: (cloud: BuiltCloud) => Promise<CloudPort>;
  /** Clusters that were built already. */
  standing: ReadonlySet<ClusterName>;
  /** What the pool of a standing cluster was built for; nothing where that is not known. */
  built?: (cluster: ClusterName) => Promise<BuiltNodes | undefined>;
  /** Only these clusters. */
  only?: readonly ClusterName[];
}

const CREDENTIALS =
  /AADSTS|invalid_grant|Invalid JWT|ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|AuthFailure|InvalidAuthenticationToken|authError/i;
const ACCOUNT = /AADSTS90002|AccountNotFound|SubscriptionNotFound|forbidden|notFound|PERMISSION_DENIED/i;

/**
 * What a failed call means. Without credentials of a kind that we read, terraform may still have some:
 * that is unknown, not refused.
 */
function notKnown(error: unknown): Extract<Known<never>, { why: unknown }> {
  const problem = problemOf(error);
  const said = error instanceof CloudError ? [`${error.code}: ${error.message}`] : [...problem.why];
  const text = said.join(' ');
  const why = said.length > 0 ? said : [`${problem.code} ${problem.title}`];
  if (ACCOUNT.test(text) && (error instanceof CloudError || /AADSTS90002/.test(text)))
    return { why, refused: 'account' };
  return CREDENTIALS.test(text) ? { why, refused: 'credentials' } : { why };
}

async function known<T>(ask: Promise<T>): Promise<Known<T>> {
  try {
    return { value: await ask };
  } catch (error) {
    return notKnown(error);
  }
}

/** Clusters of one account and region get one answer. */
function once(): <T>(s: Spot, what: string, ask: () => Promise<T>) => Promise<Known<T>> {
  const asked = new Map<string, Promise<Known<unknown>>>();
  return async <T>(s: Spot, what: string, ask: () => Promise<T>) => {
    const key = [s.cloud, s.account, s.region, what].join(' ');
    const mine = asked.get(key) ?? known(ask());
    asked.set(key, mine);
    return (await mine) as Known<T>;
  };
}

const UNASKED = { why: ['not asked'] };

/** Asks every cloud what its clusters need to know, in parallel, and says what the answers mean. */
export async function askClouds(i: AskInput): Promise<Verdict[]> {
  const answer = once();
  const facts = spotsOf(i.config, i.only).map(async (want): Promise<CloudFacts> => {
    const { spot } = want;
    const standing = i.standing.has(spot.cluster);
    const built = standing ? await i.built?.(spot.cluster) : undefined;
    const known = built === undefined ? {} : { built };
    const base = { ...want, standing, ...known, offers: UNASKED, quotas: UNASKED, versions: UNASKED };
    const port = await i.clouds(spot.cloud);
    const identity = await answer(spot, 'identity', () => port.identity(spot));
    if ((standing && !grows(base)) || !('value' in identity)) return { ...base, identity };
    const types = candidates(spot.cloud, want.type);
    const [offers, quotas, versions] = await Promise.all([
      answer(spot, `offers ${types.join()}`, () => port.offers(spot, types)),
      answer(spot, 'quotas', () => port.quotas(spot)),
      answer(spot, 'versions', () => port.versions(spot)),
    ]);
    return { ...base, identity, offers, quotas, versions };
  });
  return cloudVerdicts(await Promise.all(facts));
}
