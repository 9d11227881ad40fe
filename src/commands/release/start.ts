import { fault, type Row, text, toJson, untrusted, type View } from '../../kernel/index.ts';
import {
  claim,
  dryRun,
  type Reason,
  type ReleasePlan,
  type ReleaseRecord,
  refuseOpen,
  takeover,
} from '../../release/index.ts';
import type { Facts } from '../access/machine/facts.ts';
import type { Context, Io } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { stillAgreed } from '../would.ts';
import { driven, releaseOutcome } from './drive.ts';
import { type Gathered, gather, type Released, releasedApp, type Wish } from './gather.ts';
import { refuseLost } from './recover.ts';

/** `app@version`. Throws TW7006. */
export function targetOf(wish: string): { app: string; version: string } {
  const [app = '', version = '', ...rest] = wish.split('@');
  if (app !== '' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(version) && rest.length === 0) return { app, version };
  throw fault('TW7006', { value: wish, why: ['a release is written <app>@<version>, such as guestbook@v2'] });
}

const row = (key: string, label: string, cells: Readonly<Record<string, string>>, why?: string): Row => ({
  key,
  tone: 'wait',
  label: [text(label)],
  cells: Object.fromEntries(Object.entries(cells).map(([k, v]) => [k, [untrusted(v)]])),
  ...(why === undefined ? {} : { why: [untrusted(why)] }),
  kids: [],
});

/** The plan for people: who is moved in which wave, and what a lost cluster would mean at each step. */
function planView(p: ReleasePlan, at: number): View {
  const head: Row = {
    ...row(p.id, `release plan ${p.id}: ${p.app} to ${p.green}`, {}),
    kids: [
      ...p.members.map((c) => row(c, c, { from: p.blue[c] ?? '?', to: p.green })),
      ...p.lagging.map((c) => row(c, c, { from: '?', to: 'left out (lagging)' })),
      ...(p.contract === undefined ? [] : [{ ...row('contract', p.contract, {}), tone: 'bad' as const }]),
      ...p.gaps.map((g) => row(g, g, {})),
    ],
  };
  const steps = dryRun(p).map((s) =>
    row(s.step, s.step, { on: s.clusters.join(' '), does: s.does, 'if lost': s.lost }),
  );
  return { at, rows: [head, ...steps] };
}

/** The plan as named values. */
const factsOf = (p: ReleasePlan): Facts => ({
  plan: p.id,
  ...Object.fromEntries(p.members.map((c) => [`cluster ${c}`, `${p.blue[c] ?? '?'} to ${p.green}`])),
  ...Object.fromEntries(p.lagging.map((c) => [`cluster ${c}`, 'left out'])),
  waves: p.terms.waves.map((w) => w.clusters.join(' ')).join(', then '),
  terms: JSON.stringify({ ...p.terms, waves: p.terms.waves.map((w) => w.soakMs) }),
  ...(p.contract === undefined ? {} : { 'cannot be taken back': p.contract }),
});

/** Objections of one kind are one fault; the first kind is thrown. */
export function refuse(x: Released, reasons: readonly Reason[]): void {
  const [first] = reasons;
  if (first === undefined) return;
  const same = reasons.filter((r) => r.code === first.code);
  throw fault(first.code as Parameters<typeof fault>[0], {
    value: x.app.name,
    why: same.map((r) => r.say),
    where: same.flatMap((r) => (r.cluster === undefined ? [] : [{ cluster: r.cluster }])),
    fix: first.code === 'TW7003' ? [{ say: 'Make the switch ready:', command: 'tw up' }] : [],
  });
}

/** Every cluster serves it, and the old version only waits for a rollback. */
const isKept = (r: ReleaseRecord | undefined): r is ReleaseRecord => r?.decision === 'committed' && r.step === 'keep';

/** Finishes the release before: what is only kept is ended with the person's word, what is over is retired. Throws TW7001. */
async function settleBefore(x: Released, io: Io, held: ReleaseRecord | undefined, yes: boolean): Promise<void> {
  if (held === undefined) return;
  if (isKept(held)) {
    const text = `${held.release} keeps the old version for a rollback. End it now?`;
    if (!yes && (await io.ask({ kind: 'yes', text, flag: '--yes' })) !== 'yes')
      throw fault('TW6005', { value: held.release, why: ['the answer was no; nothing was changed'] });
  }
  const request = { kind: 'promote', by: x.by, at: x.c.clock.now(), why: 'a new release begins' } as const;
  const mine = await takeover(x.register, x.app.name, { clock: x.c.clock, request });
  await driven(x, io, mine, { leaveAt: 'clean', yes: true });
}

/** The plan a person named must be this one. Throws TW7002. */
function sameAs(wanted: string, id: string): void {
  if (wanted === id) return;
  throw fault('TW7002', {
    value: wanted,
    why: [`the plan is now ${id}`],
    fix: [{ say: 'Look at it with --dry-run.' }],
  });
}

/** What cannot be taken back is confirmed by its plan, not by a flag that says yes to everything. Throws TW6005. */
function refuseYes(x: Released, p: ReleasePlan, contract: string): never {
  const command = `tw release ${x.app.name}@${p.green} --plan ${p.id}`;
  const fix = [{ say: 'If that is meant, confirm exactly this plan:', command }];
  throw fault('TW6005', { value: p.id, why: [contract], fix });
}

/** What the line says of the plan is checked before anything is ended for it. Throws TW6005, TW6115, TW7002. */
function refuseWord(x: Released, plan: ReleasePlan, args: Args): void {
  stillAgreed(x.c, factsOf(plan));
  const wanted = args['plan'] as string | undefined;
  if (wanted !== undefined) sameAs(wanted, plan.id);
  else if (args['yes'] === true && plan.contract !== undefined) refuseYes(x, plan, plan.contract);
}

async function approve(x: Released, io: Io, { plan }: Gathered, args: Args): Promise<void> {
  refuseWord(x, plan, args);
  if (args['plan'] !== undefined || args['yes'] === true) return;
  const { contract } = plan;
  io.show(planView(plan, x.c.clock.now()));
  const answer = await io.ask({
    kind: 'yes',
    text: `${contract === undefined ? '' : `${contract}. `}Release ${x.app.name}@${plan.green} (plan ${plan.id})?`,
    flag: contract === undefined ? '--yes' : `--plan ${plan.id}`,
  });
  if (answer !== 'yes') throw fault('TW6005', { value: plan.id, why: ['the answer was no; nothing was changed'] });
}

function wishOf(args: Args, green: string): Wish {
  const strategy = args['strategy'] as 'atomic' | 'waves' | undefined;
  return {
    green,
    ...(strategy === undefined ? {} : { strategy }),
    ...(args['hold'] === undefined ? {} : { hold: 'commit' }),
  };
}

/** Claims and drives one release. Throws TW7001–TW7009 before anything is written. */
export async function begin(x: Released, io: Io, args: Args, wish: Wish): Promise<Outcome> {
  const first = await gather(x, wish);
  if (args['dryRun'] === true) {
    const data = toJson({ plan: first.plan, steps: dryRun(first.plan), refused: first.plan.refused });
    return {
      data,
      view: planView(first.plan, x.c.clock.now()),
      would: { id: first.plan.id, facts: factsOf(first.plan) },
    };
  }
  if ((first.held?.epoch ?? 0) < first.seenEpoch) await refuseLost(x, first.held);
  if (!isKept(first.held)) refuseOpen(first.held);
  refuse(x, first.plan.refused);
  refuseWord(x, first.plan, args);
  await x.c.take?.();
  await settleBefore(x, io, first.held, args['yes'] === true);
  const g = first.held === undefined ? first : await gather(x, wish);
  await approve(x, io, g, args);
  const { plan, seenEpoch, seenRelease } = g;
  const mine = await claim(x.register, { plan, by: x.by, seenEpoch, seenRelease, clock: x.c.clock });
  const end = await driven(x, io, mine, { leaveAt: 'keep', yes: args['yes'] === true && args['hold'] === undefined });
  return releaseOutcome(x, end);
}

/** `tw release app@version`. */
export async function release(c: Context, args: Args, io: Io): Promise<Outcome> {
  const { app, version } = targetOf(args['target'] as string);
  const x = await releasedApp(c, app);
  return await begin(x, io, args, wishOf(args, version));
}
