import { type Fact, fault, type Row, type Tone, text, toJson, untrusted } from '../../kernel/index.ts';
import { isOpen, type ReleaseRecord, releaseRows, releaseView } from '../../release/index.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { type ChangeFact, changeRow, isChange } from '../state-changes.ts';
import { placedClusters, type Released, releasedApp } from './gather.ts';
import { type Holding, holdingRows, holdings } from './holdings.ts';
import { flips } from './watch.ts';

interface VersionRow {
  cluster: string;
  version: string;
  live: boolean;
  exists: boolean;
  ready: number;
  wanted: number;
  why: string | null;
}

async function versionsOn(x: Released, cluster: string, known: readonly string[]): Promise<VersionRow[]> {
  const live = (await x.ports.switches.read(cluster))?.live ?? x.app.version;
  const all = [...new Set([live, ...known])];
  const rows = await Promise.all(
    all.map(async (version): Promise<VersionRow> => {
      const s = await x.ports.workloads.state(cluster, version);
      return {
        cluster,
        version,
        live: version === live,
        exists: s.exists,
        ready: s.ready,
        wanted: s.wanted,
        why: s.exists && !s.healthy ? (s.why[0] ?? null) : null,
      };
    }),
  );
  return rows.filter((r) => r.live || r.exists);
}

/** `tw versions`: what runs where, and what is live. */
export async function versions(c: Context, args: Args): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const { record } = await x.register.read();
  const known = record === undefined ? [] : [record.green, ...Object.values(record.blue)];
  const missing: { cluster: string; why: string }[] = [];
  const found = await Promise.all(
    placedClusters(x).map((cluster) =>
      versionsOn(x, cluster, known).catch((e: unknown) => {
        missing.push({ cluster, why: e instanceof Error ? e.message : String(e) });
        return [];
      }),
    ),
  );
  const rows = found.flat().map(
    (v): Row => ({
      key: `${v.cluster} ${v.version}`,
      tone: v.live ? 'ok' : 'off',
      label: [text(`${v.cluster} `), untrusted(v.version)],
      cells: { live: [text(v.live ? 'live' : 'kept')], ready: [text(`${v.ready}/${v.wanted}`)] },
      ...(v.why === null ? {} : { why: [untrusted(v.why)] }),
      kids: [],
    }),
  );
  return { data: { app: x.app.name, versions: toJson(found.flat()) }, view: { at: c.clock.now(), rows }, missing };
}

interface Story {
  record: ReleaseRecord;
  startedAt: number;
  endedAt: number | null;
  facts: readonly Fact[];
}

/** The story with one more fact of it. */
function told(old: Story | undefined, f: Fact, record: ReleaseRecord): Story {
  const endedAt = old?.endedAt ?? (isOpen(record) ? null : f.at);
  return { record, startedAt: old?.startedAt ?? f.at, endedAt, facts: [...(old?.facts ?? []), f] };
}

/** Releases of an app from the journal, newest first; what was done belongs to the record of its app before it. */
function stories(facts: readonly Fact[], app: string): Story[] {
  const found = new Map<string, Story>();
  let last: string | undefined;
  let current: ReleaseRecord | undefined;
  for (const f of facts.filter((k) => k.kind === 'release.record' || k.kind === 'release.did')) {
    // What was done in journals of old does not name its app.
    const of = (f.data as { app?: string }).app ?? last;
    if (f.kind === 'release.record') last = of;
    if (of !== app) continue;
    if (f.kind === 'release.record') current = f.data as unknown as ReleaseRecord;
    if (current !== undefined) found.set(current.release, told(found.get(current.release), f, current));
  }
  return [...found.values()].toReversed();
}

const tone = (r: ReleaseRecord): Tone => (r.decision === 'done' ? 'ok' : r.decision === 'rolledback' ? 'bad' : 'busy');

/** `tw history`: releases of an app, newest first. */
export async function history(c: Context, args: Args): Promise<Outcome> {
  const x = await releasedApp(c, args['app'] as string | undefined);
  const facts = c.journal().read();
  const all = stories(facts, x.app.name);
  const changes = facts
    .filter(isChange)
    .map((f) => ({ ...(f.data as unknown as ChangeFact), heardAt: f.at }))
    .filter((f) => f.app === x.app.name)
    .toReversed();
  const rows = all.map(
    (s): Row => ({
      key: s.record.release,
      tone: tone(s.record),
      label: [text(`${s.record.release} ${x.app.name}@${s.record.green}`)],
      cells: {
        outcome: [text(s.record.decision)],
        by: [untrusted(s.record.by)],
        started: [text(new Date(s.startedAt).toISOString())],
      },
      ...(s.record.cause === undefined ? {} : { why: [untrusted(s.record.cause.say)] }),
      kids: [],
    }),
  );
  const data = all.map((s) => ({
    release: s.record.release,
    green: s.record.green,
    blue: s.record.blue,
    decision: s.record.decision,
    by: s.record.by,
    cause: s.record.cause ?? null,
    startedAtMs: s.startedAt,
    endedAtMs: s.endedAt,
    epoch: s.record.epoch,
  }));
  return {
    data: { app: x.app.name, releases: toJson(data), home: toJson(changes) },
    view: { at: c.clock.now(), rows: [...rows, ...changes.map(changeRow)] },
  };
}

/** `since`: when the release began, Unix milliseconds. */
function factRow(f: Fact, since: number): Row {
  const at = { after: [text(`${((f.at - since) / 1000).toFixed(1)} s`)] };
  if (f.kind === 'release.record') {
    const r = f.data as unknown as ReleaseRecord;
    const what = r.decision === 'committed' ? `committed, wave ${r.wave + 1}, ${r.step}` : r.decision;
    const why = r.cause === undefined ? {} : { why: [untrusted(r.cause.say)] };
    return {
      key: String(f.offset),
      tone: tone(r),
      label: [text(`decided: ${what} (epoch ${r.epoch})`)],
      cells: at,
      ...why,
      kids: [],
    };
  }
  const d = f.data as { do?: string; cluster?: string; put?: string; why?: string };
  const why = d.why === undefined ? {} : { why: [untrusted(d.why)] };
  const good: Tone = d.put === 'ok' ? 'ok' : 'warn';
  return {
    key: String(f.offset),
    tone: good,
    label: [text(`${d.do} ${d.cluster}: ${d.put}`)],
    cells: at,
    ...why,
    kids: [],
  };
}

/** Brakes that the release holds, when it is the last one of its app; the journal alone does not need the clusters. */
async function heldNow(c: Context, app: string, release: string): Promise<Holding[]> {
  try {
    const e = await c.engine();
    const all = await holdings(e, await e.outputs(), BRAKES_MS);
    return all.filter((h) => h.app === app && h.record?.release === release && h.braked.length > 0);
  } catch {
    return [];
  }
}
const BRAKES_MS = 4000;

/** `tw why '#r1'`: how a release stands, what blocks it, and every step it took. */
export async function whyRelease(c: Context, id: string): Promise<Outcome> {
  const config = await c.config();
  const wanted = id.replace(/^#/, '');
  const facts = c.journal().read();
  for (const app of config.apps.filter((a) => a.release !== undefined)) {
    const story = stories(facts, app.name).find((s) => s.record.release === wanted);
    if (story === undefined) continue;
    const shown = releaseView({ record: story.record, why: [], flippedAt: flips(story.facts, app.name) });
    const view = releaseRows(shown, c.clock.now());
    const held = await heldNow(c, app.name, wanted);
    const trail: Row = {
      key: 'trail',
      tone: 'ok',
      label: [text('what happened')],
      cells: {},
      kids: story.facts.map((f) => factRow(f, story.startedAt)),
    };
    return {
      data: toJson({
        ...shown,
        heldNow: held.flatMap((h) => h.braked),
        trail: story.facts.map((f) => ({ at: f.at, kind: f.kind, data: f.data })),
      }),
      view: { ...view, rows: [...view.rows, ...holdingRows(held), trail] },
    };
  }
  throw fault('TW7007', { value: id, why: ['the journal of this project knows no such release'] });
}
