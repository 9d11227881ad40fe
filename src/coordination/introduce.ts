import { type MeetInput, meetPeers } from '../fleet/index.ts';
import type { MemberState } from '../kernel/index.ts';
import { NAMESPACE, PEERS_SERVICE } from './model.ts';
import { majority, sayMembers } from './plan/health.ts';
import { peerName } from './plan/peers.ts';
import type { IntroduceDeps, Step } from './ports.ts';
import { renewMembers } from './renew.ts';
import { type Tended, tend } from './tend.ts';

const MEET_MS = 120_000;
/** Members that do not answer for so long are not waited for, where the others are a majority. */
const SILENT_MS = 30_000;
const POLL_MS = 1000;

const meeting = (d: IntroduceDeps): MeetInput => ({
  from: d.members,
  to: d.told,
  at: { namespace: NAMESPACE, name: PEERS_SERVICE },
  nameOf: peerName,
  manager: 'tw-coordination',
  api: d.api,
});

interface Round {
  states: readonly MemberState[];
  tended: Tended;
  /** Milliseconds since something was last done. */
  took: number;
  /** Clusters that stand. */
  standing: number;
}

/** How it ends; undefined: a little more patience. */
function verdict(d: IntroduceDeps, r: Round): Step | undefined {
  const health = majority(r.states);
  const detail = sayMembers(r.states);
  const all = d.members.length;
  if (health.following === all && r.tended.said.length === 0) return { step: 'members', state: 'done', detail };
  const away = r.states.filter((s) => !s.up).length;
  const rest = health.holds && health.following === all - away && !r.tended.arriving;
  const partial = rest && (away <= all - r.standing || r.took > SILENT_MS);
  if (!partial && r.took <= MEET_MS) return undefined;
  return { step: 'members', state: health.holds ? 'note' : 'failed', detail };
}

/**
 * Waits until all members follow one leader, or for a majority when the time is over. Members of clusters that do not
 * stand are not waited for; one that is being replaced is waited for anew.
 */
async function* meet(d: IntroduceDeps): AsyncGenerator<Step> {
  let began = d.clock.monotonic();
  const standing = d.members.filter((c) => d.api(c) !== undefined).length;
  for (;;) {
    const states = await d.status();
    const tended = await tend(d, states);
    for (const detail of tended.said) yield { step: 'members', state: 'note', detail };
    if (tended.said.length > 0) began = d.clock.monotonic();
    const end = verdict(d, { states, tended, took: d.clock.monotonic() - began, standing });
    if (end !== undefined) {
      yield end;
      return;
    }
    await d.clock.sleep(POLL_MS, d.signal);
  }
}

/**
 * Makes the members known to each other: writes the addresses of their load balancers into every cluster and waits
 * until they follow one leader; then those whose settings have changed are renewed. May be run again at any time.
 */
export async function* introduce(d: IntroduceDeps): AsyncGenerator<Step> {
  yield { step: 'addresses', state: 'start' };
  const late = await meetPeers(meeting(d), d);
  yield {
    step: 'addresses',
    state: late.length === 0 ? 'done' : 'note',
    ...(late.length === 0 ? {} : { detail: late.join(', ') }),
  };
  yield { step: 'members', state: 'start' };
  yield* meet(d);
  yield* renewMembers(d);
}
