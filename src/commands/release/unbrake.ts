import { type ClusterName, causes, fault, type Row, text, toJson, untrusted } from '../../kernel/index.ts';
import { isDriven, isOpen, type ReleaseRecord, wantedLive } from '../../release/index.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { selectClusters } from '../select.ts';
import { ASK_MS, answerOf } from './answer.ts';
import { placedClusters, type Released, releasedApp } from './gather.ts';
import { brakedBy } from './holdings.ts';

/** One check of a cluster that is to get its users back. */
interface Finding {
  ok: boolean;
  say: string;
}

/** The version the cluster should serve: as its release wants; left out or unknown, as the other clusters do. */
async function rightVersion(x: Released, r: ReleaseRecord | undefined, c: ClusterName): Promise<string | undefined> {
  const wanted = r === undefined ? undefined : wantedLive(r, c);
  if (wanted !== undefined) return wanted;
  const others = placedClusters(x).filter((k) => k !== c && (r === undefined || r.members.includes(k)));
  const ask = (k: string) => answerOf(x.c.clock, ASK_MS, k, x.ports.switches.read(k)).catch(() => undefined);
  const live = (await Promise.all(others.map(ask))).flatMap((sw) => (sw === undefined ? [] : [sw.live]));
  return new Set(live).size === 1 ? live[0] : undefined;
}

async function checkSwitch(x: Released, c: ClusterName, right: string | undefined): Promise<Finding[]> {
  const sw = await answerOf(x.c.clock, ASK_MS, c, x.ports.switches.read(c));
  if (sw === undefined) return [{ ok: false, say: `${c} has no switch` }];
  const wanted = right ?? 'nobody knows which version';
  const version = { ok: sw.live === right, say: `serves ${sw.live}, wanted ${wanted}` };
  const s = await answerOf(x.c.clock, ASK_MS, c, x.ports.workloads.state(c, sw.live));
  const why = s.healthy ? '' : `: ${s.why[0] ?? 'not healthy'}`;
  return [version, { ok: s.healthy, say: `${s.ready} of ${s.wanted} pods of ${sw.live} are ready${why}` }];
}

async function checkState(x: Released, c: ClusterName): Promise<Finding[]> {
  if (x.app.state.mode === 'isolated')
    return [{ ok: true, say: 'state is isolated: there is no replication to wait for' }];
  const why = await x.ports
    .gates(c)
    .catch((e: unknown) => [{ say: `its state cannot be asked: ${causes(e)[0] ?? ''}` }]);
  return why.length === 0
    ? [{ ok: true, say: 'its copy of the state is in step' }]
    : why.map((r) => ({ ok: false, say: r.say }));
}

/** Version, health and state as they are now (rule 11 of releases); silence is no pass. */
async function findings(x: Released, r: ReleaseRecord | undefined, c: ClusterName): Promise<Finding[]> {
  const seen = await rightVersion(x, r, c)
    .then((right) => checkSwitch(x, c, right))
    .catch((e: unknown): Finding[] => [{ ok: false, say: `${c} cannot be asked: ${causes(e)[0] ?? ''}` }]);
  return [...seen, ...(await checkState(x, c))];
}

interface Brake {
  x: Released;
  record: ReleaseRecord | undefined;
  found: readonly Finding[];
}

async function brakesOf(c: Context, cluster: ClusterName): Promise<Brake[]> {
  const e = await c.engine();
  const all = await Promise.all(
    e.config.apps
      .filter((a) => a.release !== undefined)
      .map(async (a): Promise<Brake[]> => {
        const x = await releasedApp(c, a.name);
        if (!(await brakedBy(x.ports, ASK_MS)).includes(cluster)) return [];
        const { record } = await x.register.read();
        return [{ x, record, found: await findings(x, record, cluster) }];
      }),
  );
  return all.flat();
}

const ownerOf = (b: Brake): string => `${b.x.app.name}${b.record === undefined ? '' : ` ${b.record.release}`}`;

/** What does not pass stays braked, unless the person insists. Throws TW7008. */
function refuse(cluster: ClusterName, b: Brake): void {
  const bad = b.found.filter((f) => !f.ok);
  if (bad.length === 0) return;
  throw fault('TW7008', {
    value: `undrain ${cluster} --brake (${ownerOf(b)})`,
    where: [{ cluster }],
    why: bad.map((f) => f.say),
    fix: [
      {
        say: 'See how its release stands:',
        command: b.record === undefined ? 'tw status' : `tw why '#${b.record.release}'`,
      },
      { say: 'If users shall get what it serves now:', command: `tw undrain ${cluster} --brake --force` },
    ],
  });
}

async function lift(b: Brake, cluster: ClusterName, args: Args): Promise<Row> {
  const { x, record, found } = b;
  await x.ports.brakes.lift(cluster);
  const why = (args['because'] as string | undefined) ?? null;
  const data = { app: x.app.name, release: record?.release ?? null, by: x.by, why, found: toJson(found) };
  x.ports.journal.append({ kind: 'release.unbraked', cluster, data });
  const driven = record !== undefined && isOpen(record) && (await isDriven(x.ports.store, x.app.name, x.c.clock));
  const next = driven ? `; ${record.release} is open and brakes it again where it is late` : '';
  return {
    key: `${x.app.name} ${cluster}`,
    tone: found.every((f) => f.ok) ? 'ok' : 'warn',
    label: [text(`${cluster}: the brake of ${ownerOf(b)} is lifted, users may return${next}`)],
    cells: {},
    kids: found.map((f) => ({ key: f.say, tone: f.ok ? 'ok' : 'bad', label: [untrusted(f.say)], cells: {}, kids: [] })),
  };
}

/** `tw undrain <cluster> --brake`: ends the brake of a release after a look at version, health and state. */
export async function unbrake(c: Context, args: Args): Promise<Outcome> {
  const [named] = selectClusters(await c.config(), [args['cluster'] as string]);
  const cluster = named?.name ?? '';
  const all = await brakesOf(c, cluster);
  if (all.length === 0)
    throw fault('TW4033', { value: cluster, where: [{ cluster }], why: [`no release holds a brake of ${cluster}`] });
  if (args['force'] !== true) for (const b of all) refuse(cluster, b);
  const rows: Row[] = [];
  for (const b of all) rows.push(await lift(b, cluster, args));
  const data = all.map((b) => ({ app: b.x.app.name, release: b.record?.release ?? null, found: toJson(b.found) }));
  return { data: { cluster, lifted: toJson(data) }, view: { at: c.clock.now(), rows } };
}
