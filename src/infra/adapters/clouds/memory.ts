import { CloudError, type CloudPort, type Offer, type QuotaUse, type Spot } from '../../cloud.ts';
import type { Leftover } from '../../ports.ts';

/** What a cloud in memory holds; plain data that a test changes. */
export interface MemoryWorld {
  /** The account that the credentials open. */
  account: string;
  /** Refuses every call: wrong or expired credentials. */
  refuses?: CloudError;
  offers: Offer[];
  quotas: QuotaUse[];
  versions: string[];
  things: Leftover[];
}

/** The twin of the clouds' APIs. */
export function memoryCloud(w: MemoryWorld): CloudPort {
  const open = async <T>(s: Spot, value: () => T): Promise<T> => {
    if (w.refuses !== undefined) throw w.refuses;
    if (s.cloud !== 'aws' && s.account !== w.account)
      throw new CloudError('AccountNotFound', `${s.account} could not be found`, 404);
    return value();
  };
  return {
    identity: (s) => open(s, () => ({ account: w.account, who: 'memory' })),
    offers: (s, types) => open(s, () => w.offers.filter((o) => types.includes(o.type) && o.zone.includes(s.region))),
    quotas: (s) => open(s, () => w.quotas),
    versions: (s) => open(s, () => w.versions),
    leftovers: (s) => open(s, () => w.things.filter((l) => l.cluster === s.cluster)),
    remove: (s, l) =>
      open(s, () => {
        w.things = w.things.filter((x) => x.id !== l.id);
      }),
  };
}
