import { EXIT, toJson } from '../../kernel/index.ts';
import { terminal } from '../access/persons.ts';
import { altered } from '../altered.ts';
import { acknowledge, records, verify } from '../book/audit.ts';
import { byOf } from '../by.ts';
import type { Context, Invocation, Io } from '../context.ts';
import type { Outcome } from '../model.ts';
import { line } from './rows.ts';

/** `tw audit verify`: the whole chain, read at one moment; TW6501 names the first record that is not as written. */
export async function auditVerify(c: Context): Promise<Outcome> {
  const { head, broken, known } = await verify(c.book(), c.witness?.seen());
  const at = c.clock.now();
  if (broken === undefined) {
    const row = line('audit', 'ok', `${head.n} records, none changed`, { head: head.hash });
    return { data: { records: head.n, head: head.hash, broken: null }, view: { at, rows: [row] } };
  }
  const say = known === undefined ? [] : [`${known.by} knows of it: ${known.because}`];
  const problem = { ...altered(broken).problem, why: [broken.why, ...say] };
  const row = line('audit', known === undefined ? 'bad' : 'warn', broken.why, { acknowledged: say.join('') });
  return {
    data: toJson({ records: head.n, head: head.hash, broken, acknowledged: known ?? null }),
    view: { at, rows: [row] },
    problem,
    exit: EXIT.failure,
  };
}

/** `tw audit acknowledge`: what is broken now stops nothing any more; what breaks after it does. Throws TW6002. */
export async function auditAcknowledge(c: Context, call: Invocation): Promise<Outcome> {
  const at = c.clock.now();
  const caller = call.from ?? terminal();
  const command = caller.command ?? `k${at.toString(36)}`;
  const because = call.args['because'] as string;
  const done = await acknowledge(c.book(), { at, person: byOf(c), caller, command, because }, c.witness?.seen());
  if (done === undefined) {
    const row = line('audit', 'ok', 'nothing is broken that was not known');
    return { data: { broken: null }, view: { at, rows: [row] } };
  }
  const { broken, record } = done;
  c.witness?.saw(record);
  const row = line('audit', 'warn', `known: ${broken.why}`, { by: byOf(c), because, record: String(record.n) });
  return { data: toJson({ broken, record: record.n }), view: { at, rows: [row] } };
}

/** `tw audit export`: NDJSON, oldest first; one document where one is asked for (-o json). */
export async function auditExport(c: Context, io: Io): Promise<Outcome> {
  const list = await records(c.book());
  const view = { at: c.clock.now(), rows: [] };
  if (io.machine) return { data: toJson({ records: list }), view };
  for (const r of list) io.out(`${JSON.stringify(r)}\n`);
  return { data: { records: list.length }, view, streamed: true };
}
