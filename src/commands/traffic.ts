import { fault, type Row, text, untrusted } from '../kernel/index.ts';
import { byOf } from './by.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import type { Engine, HoldFacts, WhyFacts } from './ports.ts';
import { onlyHost } from './sandbox.ts';
import { selectClusters } from './select.ts';

async function oneCluster(c: Context, args: Args): Promise<{ e: Engine; cluster: string }> {
  const [cluster] = selectClusters(await c.config(), [args['cluster'] as string]);
  if (cluster === undefined) throw fault('TW6003', { value: String(args['cluster']) });
  return { e: await c.engine(), cluster: cluster.name };
}

function held(c: Context, cluster: string, h: HoldFacts, said: string): Outcome {
  const rows: Row[] = [
    {
      key: cluster,
      tone: h.done ? 'ok' : 'warn',
      label: [text(`${cluster}: ${said}`)],
      cells: {},
      kids: h.notes.map((n): Row => ({ key: n, tone: 'ok', label: [untrusted(n)], cells: {}, kids: [] })),
    },
  ];
  return { data: h.raw, view: { at: c.clock.now(), rows } };
}

export async function drain(c: Context, args: Args, io: Io): Promise<Outcome> {
  const { e, cluster } = await oneCluster(c, args);
  const why = (args['because'] as string | undefined) ?? 'no reason given';
  const h = await e.traffic.hold(cluster, { why, by: byOf(c), force: args['force'] === true }, io.signal);
  return held(c, cluster, h, h.done ? 'drained, no server answers it any more' : 'draining');
}

export async function undrain(c: Context, args: Args, io: Io): Promise<Outcome> {
  const { e, cluster } = await oneCluster(c, args);
  const h = await e.traffic.lift(cluster, io.signal);
  return held(c, cluster, h, 'users may return');
}

function whyRows(w: WhyFacts): Row[] {
  return [
    ...w.candidates.map(
      (k): Row => ({
        key: k.cluster,
        tone: k.chosen ? 'ok' : 'off',
        label: [text(k.cluster)],
        cells: {
          share: [text(`${Math.round(k.share * 100)} %`)],
          rtt: [text(k.rttMs === undefined ? '' : `${k.rttMs.toFixed(0)} ms`)],
          why: [untrusted(k.why)],
        },
        kids: [],
      }),
    ),
    ...w.servers.map(
      (s): Row => ({
        key: `ns ${s.cluster}`,
        tone: s.agrees ? 'ok' : 'warn',
        label: [text(`nameserver ${s.cluster}`)],
        cells: { why: [untrusted(`answers ${s.answers}`)] },
        kids: [],
      }),
    ),
  ];
}

/** Every candidate with its reason, and what the nameservers really answer. */
export async function why(c: Context, args: Args): Promise<Outcome> {
  const e = await c.engine();
  const host = (args['host'] as string | undefined) ?? onlyHost(e.config);
  const w = await e.traffic.why(args['ip'] as string, host);
  return { data: w.raw, view: { at: c.clock.now(), rows: whyRows(w) } };
}
