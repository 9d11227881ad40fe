import { useSignal } from '@preact/signals';
import type { Problem, Tone } from '../../../src/kernel/index.ts';
import type { RunInfo } from '../../../src/server/model.ts';
import { auditLines, factsOf } from '../api.ts';
import { Command } from '../parts/act.tsx';
import { Card, duration, Mark, Trouble, timeOf, Waiting } from '../parts/bits.tsx';
import { Line } from '../parts/line.tsx';
import { Table } from '../parts/table.tsx';
import { go } from '../route.ts';
import { line, runs, serverNow } from '../store.ts';

const TONE: Readonly<Record<RunInfo['state'], Tone>> = { running: 'busy', done: 'ok', failed: 'bad', lost: 'warn' };

/** Arguments as they were given, without those that say nothing. */
function shown(args: unknown): string {
  return Object.entries((args ?? {}) as Record<string, unknown>)
    .filter(([, v]) => v !== false && v !== null && v !== undefined && !(Array.isArray(v) && v.length === 0))
    .map(([k, v]) => (v === true ? k : `${k} ${Array.isArray(v) ? v.join(' ') : String(v)}`))
    .join(', ');
}

type Facts = Awaited<ReturnType<typeof factsOf>>;

function Trail({ run }: { run: string }) {
  const facts = useSignal<Facts | undefined>(undefined);
  const load = (open: boolean): void => {
    if (open && facts.value === undefined) void factsOf(run).then((f) => (facts.value = f));
  };
  return (
    <details onToggle={(e) => load(e.currentTarget.open)}>
      <summary>facts</summary>
      <ol class="facts">
        {(facts.value ?? []).map((f, i) => (
          <li key={i}>
            {timeOf(f.at)} <strong>{f.kind}</strong> {f.cluster} <code>{JSON.stringify(f.data).slice(0, 400)}</code>
          </li>
        ))}
      </ol>
    </details>
  );
}

/** What it did has a page of its own. */
function Opens({ r }: { r: RunInfo }) {
  const { release, plan } = r;
  const to = (path: string, part?: string) => (e: MouseEvent) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    go(path, part);
  };
  return (
    <>
      {release !== null && (
        <a class="opens" href={`/releases#${release}`} onClick={to('/releases', release)}>
          release {release}
        </a>
      )}
      {plan !== null && release === null && (
        <a class="opens" href="/plan" onClick={to('/plan')}>
          plan {plan}
        </a>
      )}
      {plan !== null && release !== null && <code>{plan}</code>}
    </>
  );
}

function RunRow({ r }: { r: RunInfo }) {
  return (
    <tr>
      <th scope="row">
        <Mark tone={TONE[r.state]} /> tw {r.verb}
        <div class="muted">{shown(r.args)}</div>
        <Opens r={r} />
      </th>
      <td>
        {r.by} <span class="muted">({r.door})</span>
      </td>
      <td>{new Date(r.startedAt).toLocaleString()}</td>
      <td>{duration((r.endedAt ?? serverNow.value) - r.startedAt)}</td>
      <td>
        {r.state === 'lost' ? 'its process ended first' : r.state}
        {r.exit !== null && r.exit !== 0 ? `, exit ${r.exit}` : ''} {r.problems.join(', ')}
        <Trail run={r.run} />
      </td>
    </tr>
  );
}

/** Clusters that a command names; none: it touched the whole fleet, or none at all. */
function clustersOf(r: RunInfo): string[] {
  const a = (r.args ?? {}) as Record<string, unknown>;
  const named = [a['cluster'], a['to'], ...(Array.isArray(a['on']) ? a['on'] : [])];
  return named.filter((c): c is string => typeof c === 'string' && c !== '');
}

const FILTERS = [
  { name: 'person', of: (r: RunInfo) => [r.by] },
  { name: 'verb', of: (r: RunInfo) => [r.verb] },
  { name: 'cluster', of: clustersOf },
  { name: 'door', of: (r: RunInfo) => [r.door] },
  { name: 'end', of: (r: RunInfo) => [r.state] },
] as const;
type Wanted = Readonly<Record<string, string>>;
const EVERYTHING: Wanted = { person: '', verb: '', cluster: '', door: '', end: '', words: '' };

function found(all: readonly RunInfo[], wanted: Wanted): RunInfo[] {
  const words = (wanted['words'] ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((r) => {
    const text =
      `${r.run} ${r.verb} ${r.by} ${shown(r.args)} ${r.problems.join(' ')} ${r.plan} ${r.release}`.toLowerCase();
    const fits = FILTERS.every((f) => (wanted[f.name] ?? '') === '' || f.of(r).includes(wanted[f.name] as string));
    return fits && words.every((w) => text.includes(w));
  });
}

function Filters({ all, wanted, set }: { all: readonly RunInfo[]; wanted: Wanted; set: (to: Wanted) => void }) {
  const choices = (f: (typeof FILTERS)[number]): string[] =>
    [...new Set([...all.flatMap(f.of), wanted[f.name] ?? ''])].filter((v) => v !== '').toSorted();
  return (
    <div class="begin">
      {FILTERS.map((f) => (
        <label key={f.name}>
          {f.name}{' '}
          <select value={wanted[f.name]} onChange={(e) => set({ ...wanted, [f.name]: e.currentTarget.value })}>
            <option value="">any</option>
            {choices(f).map((v) => (
              <option key={v}>{v}</option>
            ))}
          </select>
        </label>
      ))}
      <label>
        words or code{' '}
        <input value={wanted['words']} onInput={(e) => set({ ...wanted, words: e.currentTarget.value })} />
      </label>
      <button type="button" onClick={() => set(EVERYTHING)}>
        Show all
      </button>
    </div>
  );
}

/** Gives the person a file: one JSON object a line. */
function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
  const a = document.createElement('a');
  a.href = url;
  a.download = `tradewind-${name}.ndjson`;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Export({ list }: { list: readonly RunInfo[] }) {
  const problem = useSignal<Problem | undefined>(undefined);
  const lines = (): string => list.map((r) => `${JSON.stringify({ ...r, view: undefined })}\n`).join('');
  const audit = async (): Promise<void> => {
    const got = await auditLines();
    problem.value = 'problem' in got ? got.problem : undefined;
    if ('text' in got) save('audit', got.text);
  };
  return (
    <>
      <div class="buttons">
        <button type="button" disabled={list.length === 0} onClick={() => save('history', lines())}>
          Export these {list.length} (NDJSON)
        </button>
        <button type="button" onClick={() => void audit()}>
          Export the whole audit
        </button>
        <Command line="tw audit export" />
      </div>
      {problem.value !== undefined && <Trouble problem={problem.value} />}
    </>
  );
}

/** Who did what? */
export function History() {
  const seen = runs.value;
  const wanted = useSignal(EVERYTHING);
  const all = seen.data?.runs ?? [];
  const list = found(all, wanted.value);
  return (
    <>
      <h1>History</h1>
      <Card title="The line" seen={line.value} wide>
        <Line />
      </Card>
      <Card title="Commands" seen={seen} wide>
        <Filters all={all} wanted={wanted.value} set={(to) => (wanted.value = to)} />
        {seen.data === undefined ? (
          <Waiting seen={seen} />
        ) : list.length === 0 ? (
          <p class="muted">
            {all.length === 0 ? 'Nobody has given a command yet.' : 'Nothing of that in the journal.'}
          </p>
        ) : (
          <Table label="Commands" heads={['command', 'by', 'began', 'took', 'end']}>
            {list.map((r) => (
              <RunRow key={r.run} r={r} />
            ))}
          </Table>
        )}
        <Export list={list} />
      </Card>
    </>
  );
}
