import { type Row, type Tone, text, toJson, untrusted } from '../kernel/index.ts';
import type { Context } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { TrafficMap } from './ports.ts';
import { selectClusters } from './select.ts';

type Site = TrafficMap['health'][string];

/** The worst health of a cluster's apps, as the nameservers see it. */
function siteTone(m: TrafficMap | undefined, cluster: string): { tone: Tone; why: string | null } {
  const held = m?.holds.find((h) => h.cluster === cluster);
  if (held !== undefined) return { tone: 'warn', why: `${held.kind} by ${held.by}: ${held.why}` };
  const seen: Site[] = Object.entries(m?.health ?? {}).flatMap(([t, v]) => (t.startsWith(`${cluster}/`) ? [v] : []));
  const down = seen.find((v) => v.state === 'down');
  if (down !== undefined) return { tone: 'bad', why: down.cause };
  return { tone: seen.some((v) => v.state === 'up') ? 'ok' : 'unknown', why: null };
}

function cellRow(c: TrafficMap['cells'][number]): Row {
  const to = c.to.map(
    (t) => `${t.cluster} ${Math.round(t.share * 100)} %${t.rttMs === undefined ? '' : ` in ${Math.round(t.rttMs)} ms`}`,
  );
  return {
    key: c.prefix,
    tone: c.to.length === 0 ? 'bad' : 'ok',
    label: [text(`users ${c.prefix}`)],
    cells: { 'served by': [text(to.join(', ') || 'nobody')] },
    kids: [],
  };
}

/** `tw map`: clusters, groups of users and who serves whom, also as it would be; the facts that the dashboard draws. Throws TW6003. */
export async function map(c: Context, args: Args): Promise<Outcome> {
  const config = await c.config();
  const e = await c.engine();
  const without = args['without'] as string | undefined;
  if (without !== undefined) selectClusters(config, [without]);
  const maps = config.dns === undefined ? [] : await e.traffic.map(without);
  const [first] = maps;
  const clusters = config.clusters.map((k) => ({
    name: k.name,
    cloud: k.cloud,
    region: k.region,
    place: { lat: k.location.lat, lon: k.location.lon },
    ...siteTone(first, k.name),
  }));
  const rows: Row[] = [
    ...clusters.map(
      (k): Row => ({
        key: k.name,
        tone: k.tone,
        label: [text(k.name)],
        cells: { 'served by': [text(`${k.cloud} ${k.region}`)] },
        ...(k.why === null ? {} : { why: [untrusted(k.why)] }),
        kids: [],
      }),
    ),
    ...(first?.cells ?? []).map(cellRow),
  ];
  const hosts = maps.map(({ host, app, intent, cells, holds, answers }) => ({
    host,
    app,
    intent,
    cells,
    holds,
    answers,
  }));
  const missing = Object.entries(first?.silent ?? {}).map(([cluster, why]) => ({ cluster, why }));
  return {
    data: { fleet: config.fleet, clusters: toJson(clusters), hosts: toJson(hosts) },
    view: { at: c.clock.now(), rows },
    missing,
  };
}
