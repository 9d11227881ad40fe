import { duration } from '../../kernel/index.ts';
import type { Candidate, Decision, Reason } from '../model.ts';

const since = (r: Reason, now: number): string =>
  r.since === undefined || r.since <= 0 ? '' : `, for ${duration(Math.max(0, now - r.since))}`;

function line(c: Candidate, now: number): string {
  const far =
    c.rtt === undefined ? 'no estimate' : `${c.rtt.ms} ms (${c.rtt.from === 'geo' ? 'by distance' : 'measured'})`;
  const share = c.share > 0 ? `serves ${Math.round(c.share * 100)} %` : 'not needed';
  const out = c.out === undefined ? share : `out: ${c.out.stage}: ${c.out.say}${since(c.out, now)}`;
  const pardon = c.pardoned.map((r) => ` [kept although ${r.stage}: ${r.say}]`).join('');
  return `${c.cluster}: ${out}; ${far}${pardon}`;
}

/** A decision in lines for people: who the client is, what each candidate says, what was chosen. */
export function explain(d: Decision, now: number): string[] {
  const row = d.client.row === null ? 'no map row' : `map row ${d.client.row}`;
  const place = d.client.country === undefined ? '' : `, ${d.client.country}`;
  const head = `client ${d.client.key} (${row}${place})`;
  const relaxed = d.relaxed.length === 0 ? [] : [`relaxed, since nothing else was left: ${d.relaxed.join(', ')}`];
  const verdict =
    d.chosen === null ? `nobody: ${d.answer.rcode}` : `${d.chosen}: ${d.answer.data.join(', ') || 'NODATA'}`;
  return [head, ...d.candidates.map((c) => line(c, now)), ...relaxed, `answer ${verdict}`];
}
