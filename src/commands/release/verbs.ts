import { fault, text } from '../../kernel/index.ts';
import {
  ask,
  isDriven,
  isOpen,
  type ReleaseRecord,
  type ReleaseRequest,
  releasesIn,
  takeover,
} from '../../release/index.ts';
import type { Facts } from '../access/machine/facts.ts';
import type { Context, Io } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import type { Engine } from '../ports.ts';
import { dryOrAgreed, stillAgreed } from '../would.ts';
import { adoptForRollback } from './adopt.ts';
import { type Driving, driven, releaseOutcome } from './drive.ts';
import { type Released, releasedApp } from './gather.ts';
import { lostOutcome, refuseLost } from './recover.ts';
import { begin } from './start.ts';

type Kind = ReleaseRequest['kind'];
type May = (r: ReleaseRecord) => string | undefined;

const requestOf = (x: Released, kind: Kind, args: Args, more: Partial<ReleaseRequest> = {}): ReleaseRequest => ({
  kind,
  by: x.by,
  at: x.c.clock.now(),
  ...(args['because'] === undefined ? {} : { why: args['because'] as string }),
  ...more,
});

/** Claims the release for this process, whoever drives it now, and goes on with the person's word in it. */
async function takeOver(
  x: Released,
  io: Io,
  request: ReleaseRequest | undefined,
  d: Driving & { adopts?: boolean },
): Promise<Outcome> {
  // The register's own epoch is enough: no switch can be ahead of it, and a dead cluster is not waited for.
  const mine = await takeover(x.register, x.app.name, {
    clock: x.c.clock,
    ...(request === undefined ? {} : { request }),
  });
  if (d.adopts === true) await adoptForRollback(x, mine);
  return releaseOutcome(x, await driven(x, io, mine, d));
}

const said = (x: Released, r: ReleaseRecord, what: string): Outcome => ({
  data: { app: r.app, release: r.release, decision: r.decision, step: r.step, said: what },
  view: {
    at: x.c.clock.now(),
    rows: [{ key: r.release, tone: 'ok', label: [text(`${r.app} ${r.release}: ${what}`)], cells: {}, kids: [] }],
  },
});

async function heldRelease(x: Released, named: string | undefined): Promise<ReleaseRecord> {
  const { record } = await x.register.read();
  const wanted = named?.replace(/^#/, '');
  if (record !== undefined && (wanted === undefined || wanted === record.release)) return record;
  if (record === undefined) await refuseLost(x, record);
  const why = record === undefined ? `${x.app.name} was never released` : `its last release is ${record.release}`;
  throw fault('TW7007', { value: named ?? x.app.name, why: [why] });
}

const onlyOpen: May = (r) => (isOpen(r) ? undefined : `it is ${r.decision} already`);

/** `tw pause`: the next decision waits; what runs is watched on. */
export async function pause(c: Context, args: Args): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const off = args['off'] === true;
  const request = requestOf(x, off ? 'resume' : 'pause', args);
  const may: May = (r) => onlyOpen(r) ?? (r.decision === 'aborting' ? 'a rollback is not paused' : undefined);
  const r = await ask(x.register, x.app.name, { request, may, ...named(args) });
  return said(x, r, off ? 'goes on' : 'paused: the next step waits for "tw pause --off"');
}

const named = (args: Args): { release?: string } =>
  args['release'] === undefined ? {} : { release: args['release'] as string };

/** The word a release waits for now. */
function wordOf(r: ReleaseRecord): { kind: Kind; stage?: 'commit' | 'wave'; wave?: number } {
  if (r.decision === 'preparing') return { kind: 'approve', stage: 'commit' };
  if (r.step === 'keep') return { kind: 'promote' };
  return r.terms.approve.includes('wave') ? { kind: 'approve', stage: 'wave', wave: r.wave } : { kind: 'accept' };
}

/** What a release is and where its clusters come from: the same for as long as it is this one. */
const factsOf = (r: ReleaseRecord, does: string): Facts => ({
  [`release of ${r.app}`]: `${r.release} to ${r.green}`,
  ...Object.fromEntries(r.members.map((c) => [c, `from ${r.blue[c] ?? '?'}`])),
  ...Object.fromEntries(r.lagging.map((c) => [c, 'left out'])),
  does,
});

const WORDS: Readonly<Record<ReleaseRequest['kind'], string>> = {
  approve: 'go on',
  promote: 'end it: the old version is retired',
  accept: 'accept the doubt and go on',
  rollback: 'take it back',
  pause: 'wait',
  resume: 'go on',
  giveUp: 'leave a cluster out',
};

/** What the word means now. */
function promises(r: ReleaseRecord): Facts {
  const { kind, stage, wave } = wordOf(r);
  const at =
    stage === undefined ? '' : stage === 'commit' ? ': every user is switched' : ` with wave ${(wave ?? 0) + 2}`;
  return factsOf(r, `${r.decision === 'committed' ? `after wave ${r.wave + 1}, ` : ''}${WORDS[kind]}${at}`);
}

/** `tw promote`: the word that a release waits for: commit, next wave, accept a doubt, end. */
export async function promote(c: Context, args: Args, io: Io): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const r = await heldRelease(x, args['release'] as string | undefined);
  const no = onlyOpen(r) ?? (r.decision === 'aborting' ? 'it is rolling back' : undefined);
  if (no !== undefined) throw fault('TW7008', { value: `promote ${r.release}`, why: [no] });
  const dry = dryOrAgreed(c, args, promises(r));
  if (dry !== undefined) return dry;
  await c.take?.();
  const request = requestOf(x, wordOf(r).kind, args, wordOf(r));
  const may: May = (now) => {
    const over = onlyOpen(now);
    if (over === undefined) stillAgreed(c, promises(now));
    return over;
  };
  if (await isDriven(x.ports.store, x.app.name, c.clock)) {
    const told = await ask(x.register, x.app.name, { release: r.release, request, may });
    return said(x, told, 'the word is given, the process that drives it goes on');
  }
  return await takeOver(x, io, request, { leaveAt: r.step === 'keep' ? 'clean' : 'keep', yes: args['yes'] === true });
}

/** `tw abort`: before commit only; nothing was switched. */
export async function abort(c: Context, args: Args, io: Io): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const r = await heldRelease(x, args['release'] as string | undefined);
  if (r.decision !== 'preparing')
    throw fault('TW7008', {
      value: `abort ${r.release}`,
      why: [`it is ${r.decision}`],
      fix: isOpen(r) ? [{ say: 'Take every cluster back:', command: `tw rollback ${r.app}` }] : [],
    });
  return await takeOver(x, io, requestOf(x, 'rollback', args), { leaveAt: 'decision', yes: true });
}

/** The version that every cluster had before, if it was one. */
function before(x: Released, r: ReleaseRecord): string {
  const versions = [...new Set(Object.values(r.blue))];
  const [only] = versions;
  if (only !== undefined && versions.length === 1) return only;
  throw fault('TW7050', {
    value: r.release,
    why: [
      `the clusters had different versions before: ${Object.entries(r.blue)
        .map(([c, v]) => `${c} ${v}`)
        .join(', ')}`,
    ],
    fix: [{ say: 'Name the version to release:', command: `tw release ${x.app.name}@<version>` }],
  });
}

/** `tw rollback`: one write per cluster while the old version is kept; afterwards a new release, which says so. */
export async function rollback(c: Context, args: Args, io: Io): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const r = await heldRelease(x, args['release'] as string | undefined);
  if (isOpen(r)) {
    const adopts = args['adopt'] === true;
    return await takeOver(x, io, requestOf(x, 'rollback', args), { leaveAt: 'decision', yes: true, adopts });
  }
  if (r.decision === 'rolledback') return said(x, r, 'is rolled back already: every cluster serves its old version');
  const target = before(x, r);
  const text = `${r.release} is done, ${target} may be gone: going back is a new release with a cold start. Begin it?`;
  if (args['yes'] !== true && (await io.ask({ kind: 'yes', text, flag: '--yes' })) !== 'yes')
    throw fault('TW7050', { value: r.release, why: [`${target} is not kept any more`] });
  return await begin(x, io, { ...args, yes: true }, { green: target, strategy: 'atomic' });
}

/** `tw retire`: ends what is only kept, and removes the version that is over. */
export async function retire(c: Context, args: Args, io: Io): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const r = await heldRelease(x, args['release'] as string | undefined);
  if (isOpen(r) && !(r.decision === 'committed' && r.step === 'keep'))
    throw fault('TW7008', { value: `retire ${r.release}`, why: [`it is ${r.decision}: no version is over yet`] });
  const gone = isOpen(r) || r.decision === 'done' ? [...new Set(Object.values(r.blue))].join(', ') : r.green;
  const dry = dryOrAgreed(c, args, factsOf(r, `remove what is over: ${gone}`));
  if (dry !== undefined) return dry;
  await c.take?.();
  const request = isOpen(r) ? requestOf(x, 'promote', args) : undefined;
  return await takeOver(x, io, request, { leaveAt: 'clean', yes: args['yes'] === true });
}

const releasedApps = (e: Engine) => e.config.apps.filter((a) => a.release !== undefined);

/** Releases that nobody ended; nothing where no cluster stands. */
async function openOnes(e: Engine): Promise<ReleaseRecord[] | undefined> {
  const outputs = await e.outputs();
  const [first] = releasedApps(e);
  if (first === undefined || Object.keys(outputs).length === 0) return undefined;
  const all = await releasesIn(e.release.ports(first.name, outputs).store);
  return all.filter((r) => isOpen(r) && releasedApps(e).some((a) => a.name === r.app));
}

/** The same as named values: which they are, not how far they have come. */
export async function openReleases(e: Engine): Promise<Facts> {
  const named = ((await openOnes(e)) ?? []).map((r) => [
    `release of ${r.app}`,
    `${r.release} to ${r.green} ${r.decision === 'aborting' ? 'is taken back' : 'goes on'}`,
  ]);
  return Object.fromEntries(named);
}

/** Every release that nobody ended, driven on by this process: part of `tw resume`. */
export async function resumeReleases(c: Context, e: Engine, io: Io): Promise<Outcome[]> {
  const open = await openOnes(e);
  if (open === undefined) return [];
  const outcomes: Outcome[] = [];
  for (const a of releasedApps(e).filter((k) => !open.some((r) => r.app === k.name)))
    outcomes.push(...(await lostOutcome(await releasedApp(c, a.name))));
  for (const r of open) {
    const x = await releasedApp(c, r.app);
    outcomes.push(await takeOver(x, io, undefined, { leaveAt: 'keep', yes: false }));
  }
  return outcomes;
}
