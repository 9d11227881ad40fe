import { fault, problemOf, type Tone, text } from '../../kernel/index.ts';
import {
  isLost,
  lookForRelease,
  type Recovered,
  type RecoverInput,
  recoverRelease,
  refusal,
} from '../../release/index.ts';
import type { Facts } from '../access/machine/facts.ts';
import type { Context, Io } from '../context.ts';
import type { Outcome } from '../model.ts';
import type { Engine } from '../ports.ts';
import { type Driving, driven, releaseOutcome } from './drive.ts';
import { placedClusters, type Released, releasedApp } from './gather.ts';

const inputOf = (x: Released): RecoverInput => ({
  ports: x.ports,
  config: x.app.release,
  clusters: placedClusters(x).filter((c) => x.outputs[c] !== undefined),
  by: x.by,
});
type Found = Extract<Recovered, { is: 'release' }>;

const GOES: Readonly<Record<Found['decision'], string>> = {
  committed: 'it goes on',
  aborting: 'it is taken back',
  done: 'it has ended; what is over is retired',
  rolledback: 'it was rolled back; what is over is retired',
};
const LEAVE: Readonly<Record<Found['decision'], Driving['leaveAt']>> = {
  committed: 'keep',
  aborting: 'decision',
  done: 'clean',
  rolledback: 'clean',
};

function sayFound(x: Released, f: Found): string {
  const left = f.lagging.length === 0 ? '' : ` ${f.lagging.join(', ')} is braked and left out.`;
  return `${f.release} of ${x.app.name} to ${f.green}: ${f.proof}, so ${GOES[f.decision]}.${left}`;
}

const said = (x: Released, what: string, tone: Tone = 'ok'): Outcome => ({
  data: { app: x.app.name, said: what },
  view: {
    at: x.c.clock.now(),
    rows: [{ key: x.app.name, tone, label: [text(`${x.app.name}: ${what}`)], cells: {}, kids: [] }],
  },
});

/** Persons who agreed to the verb have read exactly this. Throws TW6005. */
async function meant(x: Released, io: Io, found: Found, yes: boolean): Promise<void> {
  if (yes || x.c.agreed !== undefined) return;
  const answer = await io.ask({ kind: 'yes', text: `${sayFound(x, found)} Go on?`, flag: '--yes' });
  if (answer !== 'yes')
    throw fault('TW6005', { value: found.release, why: ['the answer was no; nothing was changed'] });
}

async function recovered(x: Released, io: Io, yes: boolean): Promise<Outcome> {
  const input = inputOf(x);
  const [{ record }, found] = await Promise.all([x.register.read(), lookForRelease(input)]);
  if (found.is === 'refused') throw refusal(x.app.name, found.why);
  if (found.is === 'nothing') return said(x, `nothing is open: ${found.why}`);
  if (!isLost(record, found)) return said(x, `the register has ${record?.release ?? ''}: nothing is lost`);
  await meant(x, io, found, yes);
  const mine = await recoverRelease(input);
  if (mine === undefined) return said(x, 'nothing is open any more');
  const leaveAt = mine.decision === 'preparing' ? 'keep' : LEAVE[mine.decision];
  return releaseOutcome(x, await driven(x, io, mine, { leaveAt, yes }));
}

/** What would be found again, as named values. */
export async function lostReleases(c: Context, e: Engine): Promise<Facts> {
  const lost: [string, string][] = [];
  for (const { name } of e.config.apps.filter((a) => a.release !== undefined)) {
    const x = await releasedApp(c, name);
    const [{ record }, found] = await Promise.all([x.register.read(), lookForRelease(inputOf(x))]);
    if (found.is === 'release' && isLost(record, found)) lost.push([`release of ${name}`, sayFound(x, found)]);
  }
  return Object.fromEntries(lost);
}

/** `tw resume --recover`: releases whose register was lost, found again from the switches. */
export async function recoverReleases(c: Context, e: Engine, io: Io, yes: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const app of e.config.apps.filter((a) => a.release !== undefined))
    outcomes.push(await recovered(await releasedApp(c, app.name), io, yes));
  return outcomes;
}

/** A release that the switches tell of and the register does not. Throws TW7040. */
export async function refuseLost(x: Released, record: Parameters<typeof isLost>[0]): Promise<void> {
  const found = await lookForRelease(inputOf(x));
  if (found.is !== 'release' || !isLost(record, found) || found.decision === 'done' || found.decision === 'rolledback')
    return;
  throw fault('TW7040', {
    value: found.release,
    why: [`the switches tell of ${sayFound(x, found)}`, 'the register knows nothing of it'],
    fix: [{ say: 'Find it again from the switches:', command: 'tw resume --recover' }],
  });
}

/** The same as an answer, for a verb that goes on with what it knows. */
export async function lostOutcome(x: Released): Promise<Outcome[]> {
  try {
    await refuseLost(x, (await x.register.read()).record);
    return [];
  } catch (error) {
    return [{ ...said(x, 'its register is lost', 'bad'), problem: problemOf(error) }];
  }
}
