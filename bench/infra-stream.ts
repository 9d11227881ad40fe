// The reader of terraform's event stream beside JSON.parse of each line: 100,000 events as terraform wrote them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineCutter, parseLine } from '../src/infra/stream.ts';
import { compare, inProcess, inTurn, mb, ROOT, table } from './lib/measure.ts';

const EVENTS = 100_000;
/** What the adapter reads from the growing file at once. */
const CHUNK = 65_536;

function streamText(): string {
  const dir = join(ROOT, 'src', 'infra', 'testing', 'streams');
  const lines = readdirSync(dir)
    .filter((f) => f.endsWith('.jsonl'))
    .flatMap((f) => readFileSync(join(dir, f), 'utf8').split('\n'))
    .filter((l) => l !== '');
  return Array.from({ length: EVENTS }, (_, i) => `${lines[i % lines.length] ?? ''}\n`).join('');
}

const text = streamText();
const chunks = Array.from({ length: Math.ceil(text.length / CHUNK) }, (_, i) => text.slice(i * CHUNK, (i + 1) * CHUNK));

function ours(): void {
  const cut = lineCutter();
  let n = 0;
  for (const chunk of chunks) for (const line of cut.push(chunk)) n += parseLine(line).type === 'unparsed' ? 0 : 1;
  if (n !== EVENTS) throw new Error(`${n} of ${EVENTS} events understood`);
}

function plain(): void {
  let rest = '';
  let n = 0;
  for (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) n += JSON.parse(line) === null ? 0 : 1;
  }
  if (n !== EVENTS) throw new Error(`${n} of ${EVENTS} lines`);
}

const got = await inTurn(9, { ours: () => inProcess(ours), plain: () => inProcess(plain) }, { warm: true });
table(`terraform's stream, ${EVENTS} events, ${mb(text.length)} (median of 9, in turn)`, [
  ...compare('cut and parsed', got.ours, { ...got.plain, name: 'JSON.parse' }, '≤ 1.5 (CPU)'),
]);
