import { fault, type Problem, type Row, type Tone, text, toJson, untrusted } from '../kernel/index.ts';
import { amountOf, type StatePlan } from '../state/index.ts';
import type { Facts } from './access/machine/facts.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { StateCluster, StateDoor, StateFacts } from './ports.ts';
import { priceRow } from './price.ts';
import { changeRow } from './state-changes.ts';
import { snapshotsOf } from './state-snapshots.ts';
import { confirmed } from './sure.ts';
import { MODES } from './table-state.ts';
import { dryOrAgreed } from './would.ts';

/** Throws TW5004 where no app shares its state. */
export async function doorOf(c: Context): Promise<StateDoor> {
  const { state } = await c.engine();
  if (state.shared) return state;
  throw fault('TW5004', {
    why: ['no app of this fleet shares its state: every cluster keeps its own'],
    fix: [{ say: "Say `state: { mode: 'single-writer' }` in the app's config, then:", command: 'tw up' }],
  });
}

const ROLE_TONE: Readonly<Record<StateCluster['role'], Tone>> = {
  home: 'ok',
  copy: 'ok',
  'catching up': 'busy',
  fenced: 'warn',
  gateway: 'ok',
  open: 'ok',
  closed: 'warn',
  unknown: 'bad',
};

const fenceSay = ({ ballot, at }: NonNullable<StateCluster['fence']>): string =>
  `fenced for ${ballot} at ${at === 'none' ? 'nothing provable' : `${at.epoch}:${at.offset}`}`;

function clusterRow(s: StateCluster): Row {
  const cells = {
    role: [text(s.role)],
    lag: [text(s.lagMs === undefined ? '' : `${Math.round(s.lagMs)} ms`)],
    epoch: [text(s.epoch === undefined ? '' : String(s.epoch))],
    fence: [text(s.fence === undefined ? '' : fenceSay(s.fence))],
    via: [text(s.via === undefined || s.via === 'direct' ? '' : `via ${s.via}`)],
  };
  const why = s.why === undefined ? {} : { why: [untrusted(s.why)] };
  const tone = s.short === undefined ? ROLE_TONE[s.role] : WRITES.has(s.role) ? 'bad' : 'warn';
  return { key: s.name, tone, label: [text(s.name)], cells, ...why, kids: [] };
}

/** Whose proof the change of home waits for. */
function waitsFor(f: StateFacts): string[] {
  const { waits } = f.ballot ?? {};
  if (waits === undefined) return [];
  const { clusters, enough } = waits;
  const some = enough < clusters.length ? `; ${enough} of them ${enough === 1 ? 'is' : 'are'} enough` : '';
  return [`${f.epoch === null ? '' : 'TW5110 '}waits for ${clusters.join(', ')}${some}`];
}
/** Confirmed writes may lie on copies that cannot show them. */
const isUnproved = (f: StateFacts): boolean => f.epoch !== null && f.ballot?.waits !== undefined;

const unproved = (f: StateFacts): Problem =>
  fault('TW5110', {
    value: f.app,
    why: [
      ...waitsFor(f).map((say) => say.replace('TW5110 ', '')),
      `ballot ${f.ballot?.n} by ${f.ballot?.by}: ${f.ballot?.why}`,
      ...f.clusters.flatMap((s) => (s.why === undefined ? [] : [`${s.name}: ${s.why}`])),
    ],
    fix: [
      { say: 'Bring them back with their data; home is decided by itself then, and nothing is lost.' },
      {
        say: 'Or give up for good what only they have:',
        command: `tw state promote ${f.app} --to ${f.ballot?.waits?.best ?? '<cluster>'} --accept-loss`,
      },
    ],
  }).problem;

/** Where writes go there is no room for them. */
const isFull = (f: StateFacts): boolean => f.clusters.some((s) => WRITES.has(s.role) && s.short !== undefined);
const WRITES: ReadonlySet<StateCluster['role']> = new Set(['home', 'open']);

const noRoom = (f: StateFacts): Problem =>
  fault('TW5113', {
    value: f.app,
    why: f.clusters.flatMap((s) => (s.short ?? []).map((x) => `${s.name} (${s.role}): ${amountOf(x)}`)),
    fix: [
      {
        say: 'Reads go on, and nothing confirmed is lost. Have the app delete what it does not need, or let keys expire.',
      },
      { say: 'Or give memory: raise `state.memory` in the config, then:', command: 'tw up' },
      ...(f.mode === 'active-active'
        ? []
        : [
            {
              say: 'Is one cluster alone short of disk, let another one be home:',
              command: 'tw state move --to <cluster>',
            },
          ]),
    ],
  }).problem;

/** Nobody takes writes. */
const stopped = (f: StateFacts): Problem =>
  fault(f.mode === 'active-active' ? 'TW5115' : 'TW5114', {
    value: f.app,
    why: [
      ...(f.ballot === undefined ? [] : [`ballot ${f.ballot.n} by ${f.ballot.by}: ${f.ballot.why}`]),
      ...waitsFor(f),
      ...f.clusters.flatMap((s) => (s.why === undefined ? [] : [`${s.name}: ${s.why}`])),
    ],
    fix:
      f.mode === 'active-active'
        ? [{ say: 'Bring back the clusters it waits for:', command: 'tw up' }]
        : [
            {
              say: 'Writes wait for a home, reads go on. See which members of the store answer:',
              command: 'tw coordination status',
            },
          ],
  }).problem;

/** Nobody takes writes: there is no home, or every cluster that could is closed. */
const isStopped = (f: StateFacts): boolean => (f.mode === 'active-active' ? f.copies === 0 : f.home === null);
const WELL: ReadonlySet<StateCluster['role']> = new Set(['home', 'copy', 'open']);

/** Who takes writes, and how many have the data, of one app in one line. */
export function stateRow(f: StateFacts): Row {
  const voters = f.clusters.filter((s) => s.role !== 'gateway');
  const late = voters.filter((s) => !WELL.has(s.role));
  const led = f.home === null ? 'no home' : `home ${f.home}, ${f.copies} of ${voters.length} copies`;
  const short = voters.flatMap((s) => (s.short ?? []).map((x) => `TW5113 ${s.name}: ${amountOf(x)}`));
  const why = [
    ...waitsFor(f),
    ...short,
    ...(late.length === 0 ? [] : [late.map((s) => `${s.name} is ${s.role}`).join(', ')]),
  ].join('; ');
  const say = f.mode === 'active-active' ? `${f.copies} of ${voters.length} clusters take writes` : led;
  return {
    key: `state ${f.app}`,
    tone: problemsOf(f).length > 0 ? 'bad' : late.length + short.length === 0 ? 'ok' : 'warn',
    label: [text(`state of ${f.app}: ${say}`)],
    cells: { epoch: [text(f.epoch === null ? '' : String(f.epoch))] },
    ...(why === '' ? {} : { why: [untrusted(why)] }),
    kids: [],
  };
}

function rowsOf(f: StateFacts): Row[] {
  const story = f.story.map((line, i): Row => {
    const label = [untrusted(line)];
    return { key: `story ${i}`, tone: 'off', label, cells: {}, kids: [] };
  });
  const last: Row[] = f.last === undefined ? [] : [{ ...changeRow(f.last), key: 'last' }];
  return [{ ...stateRow(f), kids: [...f.clusters.map(clusterRow), ...last, ...story] }];
}

async function chosen(door: StateDoor, c: Context, app: string | undefined): Promise<StateFacts[]> {
  const e = await c.engine();
  const all = await door.look(await e.outputs());
  const wanted = app === undefined ? all : all.filter((f) => f.app === app);
  if (wanted.length === 0)
    throw fault('TW6002', { value: app ?? '', why: [`apps that share state: ${all.map((f) => f.app).join(', ')}`] });
  return wanted;
}

/** The one app that is meant. Throws TW6001, TW6002. */
export async function chosenOne(door: StateDoor, c: Context, app: string | undefined): Promise<StateFacts> {
  const [f, more] = await chosen(door, c, app);
  if (f !== undefined && more === undefined) return f;
  throw fault('TW6001', { value: '--app', why: ['several apps share state: say which'] });
}

function problemsOf(f: StateFacts): Problem[] {
  if (isUnproved(f)) return [unproved(f)];
  if (isStopped(f)) return [stopped(f)];
  return isFull(f) ? [noRoom(f)] : [];
}

/** `tw state status`. */
export async function stateStatus(c: Context, args: Args): Promise<Outcome> {
  const door = await doorOf(c);
  const facts = await chosen(door, c, args['app'] as string | undefined);
  const snapshots = await snapshotsOf(door, c, facts);
  const [first] = facts;
  const problems = facts.flatMap(problemsOf);
  return {
    // The first app's facts at the top: most fleets have one.
    data: toJson({
      ...first,
      apps: facts,
      snapshots: Object.fromEntries(snapshots.map((s) => [s.app, s.last ?? null])),
    }),
    view: { at: c.clock.now(), rows: [...facts.flatMap(rowsOf), ...snapshots.map((s) => s.row)] },
    ...(problems[0] === undefined ? {} : { problem: problems[0] }),
  };
}

/** Where the data are: every change of home or of who has a copy moves the epoch. */
export const stateFacts = (f: StateFacts, does: string): Facts => ({
  [`home of ${f.app}`]: f.home ?? 'none',
  epoch: f.epoch === null ? 'none' : String(f.epoch),
  ...(f.ballot === undefined ? {} : { 'change under way': `ballot ${f.ballot.n} by ${f.ballot.by}` }),
  does,
});

/** `tw state move --to`: home goes to another cluster; nothing acknowledged is lost. */
export async function stateMove(c: Context, args: Args, io: Io): Promise<Outcome> {
  const door = await doorOf(c);
  const e = await c.engine();
  const f = await chosenOne(door, c, args['app'] as string | undefined);
  const to = args['to'] as string;
  const dry = dryOrAgreed(c, args, stateFacts(f, `${to} becomes home`));
  if (dry !== undefined) return dry;
  const moved = await door.move({ app: f.app, to, begins: async () => await c.take?.() }, await e.outputs(), io.signal);
  const say =
    moved.from === to ? `${to} is home already` : `home ${moved.from} → ${to}, ${(moved.ms / 1000).toFixed(1)} s`;
  return {
    data: toJson({ app: f.app, ...moved, to }),
    view: { at: c.clock.now(), rows: [{ key: 'home', tone: 'ok', label: [untrusted(say)], cells: {}, kids: [] }] },
  };
}

const isMode = (text: string): text is StatePlan['mode'] => MODES.some((m) => m === text);

/** `tw state promote --accept-loss`: a person gives up what one copy lacks; typed with the name of the fleet. */
export async function statePromote(c: Context, args: Args, io: Io): Promise<Outcome> {
  const door = await doorOf(c);
  const e = await c.engine();
  const to = args['to'] as string;
  const f = await chosenOne(door, c, args['app'] as string | undefined);
  if (args['acceptLoss'] !== true)
    throw fault('TW6002', {
      value: '--accept-loss',
      why: [`writes that were confirmed and that ${to} lacks are lost for good`],
      fix: [{ say: 'See who has what, and bring those clusters back if you can:', command: 'tw state status' }],
    });
  const dry = dryOrAgreed(c, args, stateFacts(f, `${to} becomes home, what it lacks is lost`));
  if (dry !== undefined) return dry;
  const sure = async (known: readonly string[]): Promise<void> => {
    const text = `${known.join('; ')}. What ${to} lacks is lost`;
    await confirmed({ verb: 'state promote', args }, io, { fleet: e.config.fleet, text });
    await c.take?.();
  };
  const done = await door.promote({ app: f.app, to, sure }, await e.outputs());
  c.journal().append({ kind: 'state.promoted', cluster: to, data: { app: f.app, known: [...done.known] } });
  const kids = done.known.map((k): Row => ({ key: k, tone: 'off', label: [untrusted(k)], cells: {}, kids: [] }));
  return {
    data: toJson({ app: f.app, to, ...done }),
    view: {
      at: c.clock.now(),
      rows: [{ key: 'home', tone: 'warn', label: [untrusted(`${to} is home`)], cells: {}, kids }],
    },
  };
}

/** `tw state why-not <mode>`: what it would cost, or what is in its way. */
export async function stateWhyNot(c: Context, args: Args): Promise<Outcome> {
  const e = await c.engine();
  const mode = args['mode'] as string;
  if (!isMode(mode)) throw fault('TW6002', { value: mode, why: [`modes: ${MODES.join(', ')}`] });
  const plans = e.state.whatIf(mode);
  const faults = plans.flatMap((p) => p.faults);
  const rows = plans.map((p): Row => {
    const row = priceRow(p);
    if (p.faults.length === 0) return row;
    return {
      ...row,
      tone: 'bad',
      why: [untrusted(p.faults.map((x) => `${x.code} ${x.title}: ${x.why.join('; ')}`).join('; '))],
    };
  });
  return { data: toJson({ mode, plans, possible: faults.length === 0 }), view: { at: c.clock.now(), rows } };
}
