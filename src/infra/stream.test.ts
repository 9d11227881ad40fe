import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { problemOfRun } from './classify.ts';
import { emptyRun, foldRun, longest } from './machine.ts';
import { knownStream, lineCutter, parseLine, type TfEvent } from './stream.ts';

const STREAMS = join(import.meta.dirname, 'testing', 'streams');
const SKIP = new Set(['log', 'init', 'other']);

/** A recorded stream as people and the journal get it: one line an event, then the end of the fold. */
function transcript(text: string, verb: string): string {
  let view = emptyRun;
  const out: string[] = [];
  for (const [i, line] of text.trim().split('\n').entries()) {
    const e = parseLine(line);
    view = foldRun(view, e, i);
    if (!SKIP.has(e.type)) out.push(told(e) + at(view));
  }
  const failed = view.diagnostics.some((d) => d.severity === 'error');
  const problem = failed
    ? problemOfRun(view, { root: 'cluster:sao', cluster: 'sao', cloud: 'aws' }, '', verb)
    : undefined;
  out.push(`= planned ${view.planned}, done ${view.done}, running ${view.running.length}`);
  if (problem !== undefined)
    out.push(
      `= ${problem.code} ${problem.value ?? ''}`,
      ...problem.why.map((w) => `  why ${w}`),
      ...problem.where.map((w) => `  where ${JSON.stringify(w)}`),
    );
  return `${out.join('\n')}\n`;
}
const at = (v: typeof emptyRun): string =>
  `  [${v.done}/${v.planned} ${v.phase}${longest(v) === undefined ? '' : ` ${longest(v)}`}]`;

const part = (word: string, value: string | undefined): string => (value === undefined ? '' : ` ${word} ${value}`);

function told(e: TfEvent): string {
  if (e.type === 'version') return `${e.product} ui ${e.ui}`;
  if (e.type === 'summary') return `summary ${e.operation} +${e.add} ~${e.change} -${e.remove} import ${e.import}`;
  if (e.type === 'diagnostic')
    return `${e.diagnostic.severity} ${e.diagnostic.address ?? '-'}: ${e.diagnostic.summary}`;
  if (e.type === 'outputs') return `outputs ${e.names.join(' ')}`;
  if (e.type === 'planned')
    return `planned ${e.action} ${e.address}${part('import', e.importing)}${part('was', e.previous)}${part('because', e.reason)}`;
  return 'address' in e ? `${e.type} ${e.action} ${e.address}` : e.type;
}

describe('recorded streams', () => {
  const names = readdirSync(STREAMS).filter((f) => f.endsWith('.jsonl'));
  it.each(names)('%s', async (file) => {
    const verb = /^(plan|module|locked)/.test(file) ? 'plan' : 'apply';
    const text = readFileSync(join(STREAMS, file), 'utf8');
    await expect(transcript(text, verb)).toMatchFileSnapshot(join(STREAMS, file.replace('.jsonl', '.txt')));
  });
});

describe('traps of the stream', () => {
  it('reads OpenTofu, whose key and module differ', () => {
    const line =
      '{"@level":"info","@message":"OpenTofu 1.10.3","@module":"tofu.ui","tofu":"1.10.3","type":"version","ui":"1.2"}';
    expect(parseLine(line)).toEqual({ type: 'version', terraform: '1.10.3', ui: '1.2', product: 'tofu' });
  });
  it('refuses a stream of another major only', () => {
    expect([knownStream('1.2'), knownStream('1'), knownStream('2.0'), knownStream('10.1')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
  it('passes what it does not know', () => {
    expect(parseLine('{"type":"ephemeral_op_start","@message":"x"}')).toEqual({
      type: 'other',
      name: 'ephemeral_op_start',
    });
    expect(parseLine('{"type":"toString"}')).toEqual({ type: 'other', name: 'toString' });
    expect(parseLine('There are some problems with the CLI configuration:').type).toBe('unparsed');
  });
  it('never throws, whatever a line holds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((o) => JSON.stringify({ ...o, type: 'planned_change' })),
        ),
        (line) => {
          const e = parseLine(line);
          foldRun(emptyRun, e, 0);
          return typeof e.type === 'string';
        },
      ),
    );
  });
  it('gives the same lines however the bytes arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1 }).filter((s) => !s.includes('\n') && s.trim() !== '')),
        fc.array(fc.nat(40)),
        (lines, cuts) => {
          const text = lines.map((l) => `${l}\n`).join('');
          const c = lineCutter();
          const got: string[] = [];
          let from = 0;
          for (const n of cuts) {
            got.push(...c.push(text.slice(from, from + n)));
            from += n;
          }
          got.push(...c.push(text.slice(from)));
          expect(got).toEqual(lines);
          expect(c.rest()).toBe('');
        },
      ),
    );
  });
});
