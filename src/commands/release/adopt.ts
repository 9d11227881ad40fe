import { type ClusterName, causes, fault, type Row, text, toJson, untrusted } from '../../kernel/index.ts';
import { adoptedNotes, isOpen, type ReleaseRecord, type SwitchSight, wantedLive } from '../../release/index.ts';
import type { Context, Io } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { selectClusters } from '../select.ts';
import { dryOrAgreed } from '../would.ts';
import { ASK_MS, answerOf } from './answer.ts';
import { placedClusters, type Released, releasedApp } from './gather.ts';

type Notes = NonNullable<ReturnType<typeof adoptedNotes>>;

/** A switch that is not as Tradewind left it, and what it is to become. */
interface Harmed {
  cluster: ClusterName;
  /** Absent: the object is gone. */
  sight?: SwitchSight;
  wrong: string;
  notes: Notes;
}
type Looked = { cluster: ClusterName; sight: SwitchSight | undefined } | { cluster: ClusterName; silent: string };

const TRIES = 5;

async function lookAt(x: Released, cluster: ClusterName, versions: readonly string[]): Promise<Looked> {
  try {
    const sight = await answerOf(x.c.clock, ASK_MS, cluster, x.ports.switches.inspect(cluster, versions));
    return { cluster, sight };
  } catch (e) {
    return { cluster, silent: causes(e)[0] ?? 'no answer' };
  }
}

/** Versions whose backends may be there. */
const versionsOf = (x: Released, r: ReleaseRecord | undefined): string[] => [
  ...new Set([x.app.version, ...(r === undefined ? [] : [r.green, ...Object.values(r.blue)])]),
];

type Here = Extract<Looked, { sight: unknown }>;

/** What the open release wants there; `undefined`: no release is open there. Throws TW7008. */
function openNotes(x: Released, r: ReleaseRecord, cluster: ClusterName, live: string | undefined): Notes | undefined {
  const open = adoptedNotes(r, cluster);
  if (open === undefined || live === undefined || live === open.to.live) return open;
  const command = `tw rollback ${x.app.name} --adopt`;
  throw fault('TW7008', {
    value: `adopt ${cluster} as ${live}`,
    why: [`${r.release} is ${r.decision} and wants ${open.to.live} there`],
    fix: [{ say: 'Adopt it as it is wanted, or take the release back:', command }],
  });
}

/** What it does now; else what the last release left there, or the notes say; a switch that is gone begins as the config says. */
function settledOn(x: Released, r: ReleaseRecord | undefined, { cluster, sight }: Here): string | undefined {
  const left = r === undefined ? undefined : wantedLive(r, cluster);
  if (sight === undefined) return left ?? x.app.version;
  return sight.serves ?? left ?? sight.noted?.live;
}

/** The release that ended with this version there, so that it may lift its brake. */
const endedWith = (r: ReleaseRecord | undefined, cluster: ClusterName, live: string): string =>
  r !== undefined && wantedLive(r, cluster) === live ? r.release : '';

/** What it is to become. Throws TW7008, TW7021. */
function notesFor(x: Released, r: ReleaseRecord | undefined, l: Here, live: string | undefined): Notes {
  const open = r === undefined ? undefined : openNotes(x, r, l.cluster, live);
  if (open !== undefined) return open;
  const to = live ?? settledOn(x, r, l);
  if (to !== undefined) return { to: { release: endedWith(r, l.cluster, to), vote: false, live: to }, keep: [to] };
  const command = `tw adopt ${x.app.name} --on ${l.cluster} --live <version>`;
  throw fault('TW7021', {
    value: l.cluster,
    where: [{ cluster: l.cluster }],
    why: ['no single version gets its requests, and nothing says which one shall'],
    fix: [{ say: 'Say which:', command }],
  });
}

function harmed(x: Released, r: ReleaseRecord | undefined, all: readonly Looked[], live: string | undefined): Harmed[] {
  return all.flatMap((l): Harmed[] => {
    if ('silent' in l || (l.sight !== undefined && l.sight.wrong === undefined)) return [];
    const wrong = l.sight?.wrong?.say ?? `${l.cluster} has no switch: it was deleted`;
    const notes = notesFor(x, r, l, live);
    return [{ cluster: l.cluster, wrong, notes, ...(l.sight === undefined ? {} : { sight: l.sight }) }];
  });
}

/** No write from before may land: a fence that is not known is passed by the clock, in seconds. */
const fenceOf = (x: Released, s: SwitchSight): number =>
  s.noted === undefined ? Math.floor(x.c.clock.now() / 1000) : s.noted.fence + 1;

interface Taking {
  x: Released;
  epoch: number;
  versions: readonly string[];
}

/** Takes one switch; made anew where it is gone. */
async function take(t: Taking, h: Harmed): Promise<void> {
  const { switches } = t.x.ports;
  const { to, keep } = h.notes;
  for (let n = 0; n < TRIES; n++) {
    const sight = await switches.inspect(h.cluster, t.versions);
    if (sight === undefined) {
      await switches.create(h.cluster, to.live);
      continue;
    }
    const target = { ...to, epoch: t.epoch, fence: fenceOf(t.x, sight) };
    if ((await switches.adopt(h.cluster, sight, target, keep)) === 'ok') return;
  }
  throw fault('TW7021', {
    value: h.cluster,
    where: [{ cluster: h.cluster }],
    why: ['somebody else writes this switch all the time'],
  });
}

async function takeAll(
  x: Released,
  r: ReleaseRecord | undefined,
  all: readonly Looked[],
  found: readonly Harmed[],
): Promise<void> {
  const sound = all.flatMap((l) => ('silent' in l || l.sight?.wrong !== undefined ? [] : [l.sight?.noted?.epoch ?? 0]));
  const t: Taking = { x, epoch: Math.max(r?.epoch ?? 0, ...sound), versions: versionsOf(x, r) };
  await Promise.all(
    found.map(async (h) => {
      await take(t, h);
      const data = { app: x.app.name, was: h.wrong, live: h.notes.to.live, by: x.by };
      x.ports.journal.append({ kind: 'release.adopted', cluster: h.cluster, data });
    }),
  );
}

const rowOf = (h: Harmed, done: boolean): Row => ({
  key: h.cluster,
  tone: done ? 'ok' : 'wait',
  label: [text(`${h.cluster} `), untrusted(h.notes.to.live)],
  cells: { now: [text(done ? 'adopted' : 'to be adopted')] },
  why: [untrusted(h.wrong)],
  kids: [],
});

async function agreed(x: Released, io: Io, found: readonly Harmed[], yes: boolean): Promise<void> {
  if (yes) return;
  io.show({ at: x.c.clock.now(), rows: found.map((h) => rowOf(h, false)) });
  const what = found.map((h) => `${h.cluster} serves ${h.notes.to.live}`).join(', ');
  const answer = await io.ask({ kind: 'yes', text: `Take these switches again, so that ${what}?`, flag: '--yes' });
  if (answer !== 'yes') throw fault('TW6005', { value: x.app.name, why: ['the answer was no; nothing was changed'] });
}

/** `tw adopt`: switches that somebody edited, stripped or deleted are Tradewind's again. */
export async function adopt(c: Context, args: Args, io: Io): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const wanted = selectClusters(x.e.config, args['on'] as string[]).map((k) => k.name);
  const { record } = await x.register.read();
  const standing = placedClusters(x).filter((k) => x.outputs[k] !== undefined);
  const all = await Promise.all(standing.map((k) => lookAt(x, k, versionsOf(x, record))));
  const mine = all.filter((l) => wanted.includes(l.cluster));
  const found = harmed(x, record, mine, args['live'] as string | undefined);
  const would = found.map((h) => [h.cluster, `${h.wrong}; to serve ${h.notes.to.live}`] as const);
  const dry = dryOrAgreed(c, args, Object.fromEntries(would));
  if (dry !== undefined) return dry;
  if (found.length > 0) {
    await agreed(x, io, found, args['yes'] === true);
    await c.take?.();
    await takeAll(x, record, all, found);
  }
  const sound = mine.filter((l) => !('silent' in l) && !found.some((h) => h.cluster === l.cluster));
  const next =
    record !== undefined && isOpen(record) ? ` ${record.release} goes on; if nobody drives it: tw resume` : '';
  const rows: Row[] = [
    ...found.map((h) => rowOf(h, true)),
    ...sound.map(
      (l): Row => ({
        key: l.cluster,
        tone: 'ok',
        label: [text(l.cluster)],
        cells: { now: [text('as Tradewind left it')] },
        kids: [],
      }),
    ),
    ...(found.length > 0 && next !== ''
      ? [{ key: 'next', tone: 'ok', label: [text(next.trim())], cells: {}, kids: [] } satisfies Row]
      : []),
  ];
  return {
    data: {
      app: x.app.name,
      adopted: toJson(found.map((h) => ({ cluster: h.cluster, live: h.notes.to.live, was: h.wrong }))),
      sound: sound.map((l) => l.cluster),
    },
    view: { at: c.clock.now(), rows },
    missing: mine.flatMap((l) => ('silent' in l ? [{ cluster: l.cluster, why: l.silent }] : [])),
  };
}

/** As a part of a rollback that a person said is to take everything: `r` is the record that was claimed for it. */
export async function adoptForRollback(x: Released, r: ReleaseRecord): Promise<void> {
  const back: ReleaseRecord = { ...r, decision: 'aborting' };
  const all = await Promise.all(r.members.map((k) => lookAt(x, k, versionsOf(x, r))));
  await takeAll(x, r, all, harmed(x, back, all, undefined));
}
