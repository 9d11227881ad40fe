import { EXIT, fault, problemOf, toJson } from '../../kernel/index.ts';
import { records, verify } from '../book/audit.ts';
import type { Context, Io } from '../context.ts';
import type { Outcome } from '../model.ts';
import { line } from './rows.ts';

/** `tw audit verify`: the whole chain, read at one moment; TW6501 names the first record that is not as written. */
export async function auditVerify(c: Context): Promise<Outcome> {
  const { head, broken } = await verify(c.book());
  const at = c.clock.now();
  if (broken === undefined) {
    const row = line('audit', 'ok', `${head.n} records, none changed`, { head: head.hash });
    return { data: { records: head.n, head: head.hash, broken: null }, view: { at, rows: [row] } };
  }
  const problem = problemOf(
    fault('TW6501', {
      value: `record ${broken.n}`,
      why: [broken.why],
      fix: [{ say: 'Compare with the last export:', command: 'tw audit export' }],
    }),
  );
  const row = line('audit', 'bad', broken.why);
  return {
    data: toJson({ records: head.n, head: head.hash, broken }),
    view: { at, rows: [row] },
    problem,
    exit: EXIT.failure,
  };
}

/** `tw audit export`: NDJSON, oldest first; one document where one is asked for (-o json). */
export async function auditExport(c: Context, io: Io): Promise<Outcome> {
  const list = await records(c.book());
  const view = { at: c.clock.now(), rows: [] };
  if (io.machine) return { data: toJson({ records: list }), view };
  for (const r of list) io.out(`${JSON.stringify(r)}\n`);
  return { data: { records: list.length }, view, streamed: true };
}
