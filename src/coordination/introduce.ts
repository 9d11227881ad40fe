import { type MeetInput, peerAddresses, tellPeers } from '../fleet/index.ts';
import { NAMESPACE, PEERS_SERVICE } from './model.ts';
import { majority, sayMembers } from './plan/health.ts';
import { peerName } from './plan/peers.ts';
import type { IntroduceDeps, Step } from './ports.ts';

const ADDRESS_MS = 180_000;
const MEET_MS = 120_000;
const POLL_MS = 1000;

const missing = (a: Awaited<ReturnType<typeof peerAddresses>>): string[] =>
  Object.keys(a).filter((c) => a[c]?.length === 0);

const meeting = (d: IntroduceDeps): MeetInput => ({
  from: d.members,
  to: d.told,
  at: { namespace: NAMESPACE, name: PEERS_SERVICE },
  nameOf: peerName,
  manager: 'tw-coordination',
  api: d.api,
});

async function allAddresses(d: IntroduceDeps): Promise<Awaited<ReturnType<typeof peerAddresses>>> {
  const until = d.clock.monotonic() + ADDRESS_MS;
  for (;;) {
    const found = await peerAddresses(meeting(d));
    const late = missing(found).filter((c) => d.api(c) !== undefined);
    if (late.length === 0 || d.clock.monotonic() > until) return found;
    await d.clock.sleep(POLL_MS, d.signal);
  }
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
  const untold = await tellPeers(meeting(d), addresses);
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
