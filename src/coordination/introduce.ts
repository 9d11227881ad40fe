import { loadBalancerAt } from '../fleet/index.ts';
import type { ClusterName } from '../kernel/index.ts';
import { NAMESPACE, PEERS_SERVICE } from './model.ts';
import { majority, sayMembers } from './plan/health.ts';
import { peerObjects } from './plan/peers.ts';
import type { IntroduceDeps, Step } from './ports.ts';

const ADDRESS_MS = 180_000;
const MEET_MS = 120_000;
const POLL_MS = 1000;

type Addresses = Readonly<Record<ClusterName, readonly string[]>>;

/** Addresses of the load balancer of a member's peers, or its host name; empty while it has none. */
async function addressesOf(d: IntroduceDeps, cluster: ClusterName): Promise<string[]> {
  const api = d.api(cluster);
  if (api === undefined) return [];
  const found = await loadBalancerAt(api, { namespace: NAMESPACE, name: PEERS_SERVICE }).catch(() => undefined);
  return (found?.addresses ?? []).toSorted();
}

async function discover(d: IntroduceDeps): Promise<Addresses> {
  return Object.fromEntries(await Promise.all(d.members.map(async (c) => [c, await addressesOf(d, c)] as const)));
}

const missing = (a: Addresses): string[] => Object.keys(a).filter((c) => a[c]?.length === 0);

async function allAddresses(d: IntroduceDeps): Promise<Addresses> {
  const until = d.clock.monotonic() + ADDRESS_MS;
  for (;;) {
    const found = await discover(d);
    const late = missing(found).filter((c) => d.api(c) !== undefined);
    if (late.length === 0 || d.clock.monotonic() > until) return found;
    await d.clock.sleep(POLL_MS, d.signal);
  }
}

/** Tells every cluster where the members of the others are; those that could not be told. */
async function tell(d: IntroduceDeps, addresses: Addresses): Promise<string[]> {
  const options = { manager: 'tw-coordination', dryRun: false, force: true, expect: 'any' as const };
  const told = await Promise.all(
    d.members.map(async (me) => {
      const api = d.api(me);
      if (api === undefined) return me;
      try {
        for (const peer of d.members) {
          const at = addresses[peer] ?? [];
          if (peer === me || at.length === 0) continue;
          for (const object of peerObjects(peer, at)) await api.apply(object, options);
        }
        return undefined;
      } catch (e) {
        return `${me} (${e instanceof Error ? e.message : String(e)})`;
      }
    }),
  );
  return told.filter((t) => t !== undefined);
}

/** Waits until all members follow one leader, or for a majority when the time is over. */
async function meet(d: IntroduceDeps): Promise<Step> {
  const until = d.clock.monotonic() + MEET_MS;
  for (;;) {
    const states = await d.status();
    const health = majority(states);
    if (health.following === d.members.length) return { step: 'members', state: 'done', detail: sayMembers(states) };
    if (d.clock.monotonic() > until)
      return { step: 'members', state: health.holds ? 'note' : 'failed', detail: sayMembers(states) };
    await d.clock.sleep(POLL_MS, d.signal);
  }
}

/**
 * Makes the members known to each other: writes the addresses of their load balancers into every cluster and waits
 * until they follow one leader. May be run again at any time.
 */
export async function* introduce(d: IntroduceDeps): AsyncGenerator<Step> {
  yield { step: 'addresses', state: 'start' };
  const addresses = await allAddresses(d);
  const untold = await tell(d, addresses);
  const late = [
    ...missing(addresses).map((c) => `no address yet: ${c}`),
    ...untold.map((c) => `could not be told: ${c}`),
  ];
  yield {
    step: 'addresses',
    state: late.length === 0 ? 'done' : 'note',
    ...(late.length === 0 ? {} : { detail: late.join(', ') }),
  };
  yield { step: 'members', state: 'start' };
  yield await meet(d);
}
