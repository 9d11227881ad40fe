import type { ReleaseConfig } from '../config/index.ts';
import { type ClusterName, fault, within } from '../kernel/index.ts';
import { type Mark, type Recovered, recover } from './machine/recover.ts';
import type { Reason, ReleaseRecord, Terms, VersionId } from './model.ts';
import { reasonFor } from './observe.ts';
import { planRelease } from './plan.ts';
import type { Put, ReleasePorts, SwitchSight } from './ports.ts';
import { registerOf } from './register.ts';

/** What a release is found again from: the switches of the clusters its app is placed on. */
export interface RecoverInput {
  ports: ReleasePorts;
  config: ReleaseConfig;
  clusters: readonly ClusterName[];
  by: string;
}
export type Found = Extract<Recovered, { is: 'release' }>;

const ASK_MS = 8000;
const TRIES = 5;

interface Looked {
  marks: Readonly<Record<ClusterName, Mark>>;
  sights: Readonly<Record<ClusterName, SwitchSight>>;
}

function markOf(c: ClusterName, s: SwitchSight | undefined, braked: boolean): Mark {
  if (s === undefined) return { is: 'edited', why: { code: 'TW7021', say: `${c} has no switch`, cluster: c } };
  if (s.wrong !== undefined) return { is: 'edited', why: s.wrong };
  if (s.noted === undefined) return { is: 'edited', why: { code: 'TW7021', say: `${c} tells nothing`, cluster: c } };
  return { is: 'seen', sw: s.noted, versions: s.versions, braked };
}

async function look(i: RecoverInput): Promise<Looked> {
  const { switches, brakes, clock } = i.ports;
  const braked: readonly ClusterName[] = await within<readonly ClusterName[]>(
    clock,
    ASK_MS,
    brakes.now(),
    () => [],
  ).catch(() => []);
  const sights: Record<ClusterName, SwitchSight> = {};
  const one = async (c: ClusterName): Promise<readonly [ClusterName, Mark]> => {
    try {
      const sight = await within<SwitchSight | undefined>(clock, ASK_MS, switches.inspect(c, []), () => {
        throw new Error(`no answer for ${ASK_MS / 1000} s`);
      });
      if (sight !== undefined) sights[c] = sight;
      return [c, markOf(c, sight, braked.includes(c))];
    } catch (e) {
      return [c, { is: 'silent', why: reasonFor(c, e) }];
    }
  };
  return { marks: Object.fromEntries(await Promise.all(i.clusters.map(one))), sights };
}

/** What the switches tell now, without changing anything. */
export async function lookForRelease(i: RecoverInput): Promise<Recovered> {
  return recover((await look(i)).marks);
}

/** Moves epoch and fence of every switch that answers, and nothing else: what is under way can land no more. */
async function fence(i: RecoverInput, l: Looked, touched: readonly ClusterName[], epoch: number): Promise<void> {
  await Promise.all(
    touched.map(async (c) => {
      const s = l.sights[c];
      if (s?.noted === undefined) return;
      const { uid, ...sw } = s.noted;
      const to = { ...sw, fence: sw.fence + 1, epoch };
      const keep = s.versions.length > 1 ? s.versions : [];
      const put = i.ports.switches.write(c, { uid, fence: sw.fence }, to, keep);
      await within<Put>(i.ports.clock, ASK_MS, put, () => 'unknown');
    }),
  );
}

interface Fenced {
  found: Recovered;
  epoch: number;
}

/** Fences and looks again until every switch that answers stands at one epoch that nobody else has. */
async function fenced(i: RecoverInput, least: number): Promise<Fenced> {
  let looked = await look(i);
  for (let n = 0; n < TRIES; n++) {
    const found = recover(looked.marks);
    if (found.is !== 'release') return { found, epoch: least };
    const epoch = Math.max(found.epoch, least) + 1;
    await fence(i, looked, found.touched, epoch).catch(() => undefined);
    looked = await look(i);
    const { marks } = looked;
    const late = found.touched.some((c) => marks[c]?.is === 'seen' && marks[c].sw.epoch !== epoch);
    if (!late) return { found: recover(looked.marks), epoch };
  }
  throw fault('TW7040', { value: i.ports.app, why: ['somebody else writes the switches all the time'] });
}

/** Those who are left out are braked: nobody knows what they serve, or it is not what the release decided. */
async function brakeLagging(i: RecoverInput, found: Found): Promise<void> {
  const { brakes } = i.ports;
  if (found.lagging.length === 0) return;
  const braked = await brakes.now();
  for (const c of found.lagging.filter((k) => !braked.includes(k))) {
    const [no] = await brakes.may(c);
    // On the way back nothing waits for a brake; a release that goes on needs it.
    if (no !== undefined && found.decision === 'committed')
      throw fault('TW7020', { value: c, where: [{ cluster: c }], why: [`${c} cannot be left out: ${no.say}`] });
    const why: Reason = {
      code: 'TW7040',
      say: `the register was lost and ${c} is left out of ${found.release}`,
      cluster: c,
    };
    if (no === undefined) await brakes.brake(c, why);
  }
}

function planOf(i: RecoverInput, found: Found): { id: string; terms: Terms } {
  const clusters = found.members.map((name) => ({ name, live: found.blue[name] ?? found.green, refused: [] }));
  return planRelease({ app: i.ports.app, green: found.green, config: i.config, clusters });
}

/** The wave that a committed release has reached: the last one with a cluster that serves green. */
function reachedOf(found: Found, terms: Terms): Pick<ReleaseRecord, 'wave' | 'step'> {
  const last = terms.waves.length - 1;
  if (found.decision !== 'committed') return { wave: found.begun ? last : -1, step: 'flip' };
  const late = found.members.some((c) => !found.flipped.includes(c) && found.blue[c] !== found.green);
  const at = terms.waves.findLastIndex((w) => w.clusters.some((c) => found.flipped.includes(c)));
  return late ? { wave: at, step: 'flip' } : { wave: last, step: 'soak' };
}

function recordOf(i: RecoverInput, found: Found, epoch: number): ReleaseRecord {
  const { id, terms } = planOf(i, found);
  const now = i.ports.clock.now();
  const back = found.decision === 'aborting' || found.decision === 'rolledback';
  const blue: Readonly<Record<ClusterName, VersionId>> = found.blue;
  return {
    app: i.ports.app,
    release: found.release,
    planId: id,
    green: found.green,
    blue,
    members: found.members,
    lagging: found.lagging,
    terms,
    epoch,
    decision: found.decision,
    ...(back ? { cause: { code: 'TW7040', say: `the register was lost; ${found.proof}` } } : {}),
    ...reachedOf(found, terms),
    since: now,
    startedAt: now,
    requests: [],
    by: i.by,
  };
}

/**
 * Puts the last release back into a register that lost it (or is older than the switches), and returns its record for
 * `drive`; `undefined`: the switches tell of no release that is open. First every switch that answers is fenced, so that
 * a process that still has the lost register steps down. Throws TW7021 when a switch was changed by hand, TW7008 when
 * the register is not lost, TW7020, TW7040.
 */
export async function recoverRelease(i: RecoverInput): Promise<ReleaseRecord | undefined> {
  const { app, store, journal } = i.ports;
  const register = registerOf(app, store, journal);
  const held = await register.read();
  const { found, epoch } = await fenced(i, held.record?.epoch ?? 0);
  if (found.is === 'nothing') return undefined;
  if (found.is === 'refused') throw refusal(app, found.why);
  await brakeLagging(i, found);
  const record = recordOf(i, found, epoch);
  if ((await register.cas(held.revision, record)) !== 'ok')
    throw fault('TW7040', { value: found.release, why: ['somebody else wrote the register meanwhile'] });
  return record;
}

/** A register that has a record as new as every switch is not lost. */
export const isLost = (record: ReleaseRecord | undefined, found: Recovered): boolean =>
  found.is === 'release' && (record === undefined || record.epoch < found.epoch);

export function refusal(app: string, why: readonly Reason[]): Error {
  return fault('TW7021', {
    value: app,
    why: why.map((r) => r.say),
    where: why.flatMap((r) => (r.cluster === undefined ? [] : [{ cluster: r.cluster }])),
    fix: [{ say: 'See it and let Tradewind take it again:', command: `tw adopt ${app}` }],
  });
}
