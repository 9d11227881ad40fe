// A site that stops answering: how long until every one of three nameservers sends its users elsewhere, and until
// they come back; and a drain in a new snapshot. Nameservers and sites are real ones on loopback.
import { setTimeout as delay } from 'node:timers/promises';
import type { ProbeSettings } from '../src/traffic/model.ts';
import { createRig, type Rig, until } from '../src/traffic/nameserver/rig.ts';
import { median, ms, type Row, table } from './lib/measure.ts';

const SERVERS = ['sao', 'mtl', 'syd'];
const FAST: ProbeSettings = { intervalMs: 1000, timeoutMs: 400, fall: 1, rise: 1 };
const DEFAULTS: ProbeSettings = { intervalMs: 1000, timeoutMs: 1000, fall: 2, rise: 5 };
const LIMIT_MS = 20_000;

/** Milliseconds until all nameservers send the users of sao there, or away from there. */
async function sent(rig: Rig, where: 'sao' | 'elsewhere'): Promise<number> {
  return await until(LIMIT_MS, async () => {
    const answers = await Promise.all(SERVERS.map((s) => rig.ask(s)));
    return answers.every((a) => a.length > 0 && (a[0] === 'sao') === (where === 'sao'));
  });
}

interface Took {
  out: number;
  back: number;
  drain: number;
}

/** One outage and one drain; a fresh world each time, because a site that flaps is let back later and later. */
async function round(probe: ProbeSettings, waitMs: number): Promise<Took> {
  const rig = await createRig();
  try {
    await rig.publish(SERVERS, { probe });
    await sent(rig, 'sao');
    await delay(2000 + waitMs); // every observer has voted; not always at the same point of the probes' interval
    const hold = { id: 'h', kind: 'drain' as const, cluster: 'sao', by: 'bench', why: '', since: Date.now() };
    await rig.publish(SERVERS, { probe, holds: [hold] });
    const drain = await sent(rig, 'elsewhere');
    await rig.publish(SERVERS, { probe });
    await sent(rig, 'sao');
    await rig.web.close('sao');
    const out = await sent(rig, 'elsewhere');
    await rig.web.open('sao');
    return { drain, out, back: await sent(rig, 'sao') };
  } finally {
    await rig.close();
  }
}

async function rounds(probe: ProbeSettings, waits: readonly number[]): Promise<Took[]> {
  const took: Took[] = [];
  for (const wait of waits) took.push(await round(probe, wait));
  return took;
}

const row = (name: string, took: readonly number[], goal = '-'): Row => ({
  name,
  ours: `${ms(median(took))} (worst ${ms(Math.max(...took))})`,
  goal,
});
const fast = await rounds(FAST, [0, 200, 400, 600, 800]);
const slow = await rounds(DEFAULTS, [0, 300, 700]);
const out = (all: readonly Took[]): number[] => all.map((t) => t.out);
const back = (all: readonly Took[]): number[] => all.map((t) => t.back);
table('three nameservers, a majority decides (median)', [
  row('dead site out of all answers, fall 1', out(fast), '≤ 1500 ms'),
  row('  and back, rise 1', back(fast)),
  row('dead site out of all answers, defaults (fall 2)', out(slow), '≤ 5000 ms'),
  row('  and back, defaults (rise 5)', back(slow)),
  row(
    'drain: snapshot file written to all answers',
    [...fast, ...slow].map((t) => t.drain),
  ),
]);
