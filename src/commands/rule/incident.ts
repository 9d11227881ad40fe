import { toJson } from '../../kernel/index.ts';
import type { AuditRecord, Incident } from '../access/model.ts';
import { records } from '../book/audit.ts';
import { barriers, closeIncident, lift, openIncident, raise } from '../book/barriers.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Args, Outcome } from '../model.ts';
import { reachOf } from './barriers.ts';
import { barrierRow, line } from './rows.ts';

const sayRecord = (r: AuditRecord): string => {
  const d = r.data as { verb?: string; code?: string | null };
  return [r.person ?? r.account ?? '?', r.what, d.verb === undefined ? '' : `tw ${d.verb}`, d.code ?? '']
    .filter((s) => s !== '')
    .join(' ');
};

const LAST_MS = 24 * 3_600_000;
const changes = (list: readonly AuditRecord[], since: number): AuditRecord[] =>
  list.filter((r) => r.at >= since && r.what !== 'received');

/** `tw incident start`: a freeze, a timeline, and what was done in the last day. */
export async function incidentStart(c: Context, args: Args): Promise<Outcome> {
  const at = c.clock.now();
  const because = args['because'] as string;
  const by = byOf(c);
  const freeze = await raise(c.book(), { ...(await reachOf(c, args)), kind: 'freeze', by, because, at, until: null });
  const i = await openIncident(c.book(), { by, because, at, endedAt: null, endedBy: null, freeze: freeze.id });
  const last = changes(await records(c.book()), at - LAST_MS).slice(-10);
  const rows = [
    line(i.id, 'bad', `incident ${i.id}: nothing goes forward until "tw incident end"`, { because }),
    barrierRow(freeze),
    ...last.map((r) => line(`n${r.n}`, 'off', new Date(r.at).toISOString(), { what: sayRecord(r) })),
  ];
  return { data: toJson({ incident: i, freeze, last }), view: { at, rows } };
}

function markdown(i: Incident, list: readonly AuditRecord[]): string {
  const when = (ms: number | null): string => (ms === null ? '' : new Date(ms).toISOString());
  // Backticks and pipes of persons would end the cell.
  const cell = (s: string): string => s.replace(/[`|\r\n]/g, ' ');
  return [
    `# Incident ${i.id}: ${cell(i.because)}`,
    '',
    `Started ${when(i.at)} by ${cell(i.by)}, ended ${when(i.endedAt)} by ${cell(i.endedBy ?? '')}.`,
    '',
    '| when | what |',
    '|---|---|',
    ...list.map((r) => `| ${when(r.at)} | ${cell(sayRecord(r))} |`),
    '',
  ].join('\n');
}

/** `tw incident end`: lifts its freeze; the timeline is in the data as Markdown and as records. Throws TW6203. */
export async function incidentEnd(c: Context, args: Args): Promise<Outcome> {
  const at = c.clock.now();
  const i = await closeIncident(c.book(), { id: args['id'] as string | undefined, by: byOf(c), now: at });
  const freeze = (await barriers(c.book(), at)).find((b) => b.id === i.freeze);
  if (freeze !== undefined) await lift(c.book(), freeze, at);
  const list = changes(await records(c.book()), i.at);
  const rows = [
    line(i.id, 'ok', `incident ${i.id} is over${i.freeze === null ? '' : `, freeze ${i.freeze} is lifted`}`),
    ...list.map((r) => line(`n${r.n}`, 'off', new Date(r.at).toISOString(), { what: sayRecord(r) })),
  ];
  return { data: toJson({ incident: i, markdown: markdown(i, list), records: list }), view: { at, rows } };
}
