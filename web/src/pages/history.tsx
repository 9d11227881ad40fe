import { useSignal } from '@preact/signals';
import type { Tone } from '../../../src/kernel/index.ts';
import type { RunInfo } from '../../../src/server/model.ts';
import { factsOf } from '../api.ts';
import { Card, duration, Mark, timeOf, Waiting } from '../parts/bits.tsx';
import { Line } from '../parts/line.tsx';
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

function RunRow({ r }: { r: RunInfo }) {
  return (
    <tr>
      <th scope="row">
        <Mark tone={TONE[r.state]} /> tw {r.verb}
        <div class="muted">{shown(r.args)}</div>
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

/** Who did what? */
export function History() {
  const seen = runs.value;
  const filter = useSignal('');
  const all = seen.data?.runs ?? [];
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((r) => {
    const text = `${r.verb} ${r.by} ${r.door} ${r.state} ${shown(r.args)} ${r.problems.join(' ')}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
  return (
    <>
      <h1>History</h1>
      <Card title="The line" seen={line.value} wide>
        <Line />
      </Card>
      <Card title="Commands" seen={seen} wide>
        <label class="begin">
          Filter by verb, person, door, cluster or code{' '}
          <input value={filter.value} onInput={(e) => (filter.value = e.currentTarget.value)} />
        </label>
        {seen.data === undefined ? (
          <Waiting seen={seen} />
        ) : found.length === 0 ? (
          <p class="muted">Nothing of that in the journal.</p>
        ) : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Commands">
            <table>
              <thead>
                <tr>
                  <th scope="col">command</th>
                  <th scope="col">by</th>
                  <th scope="col">began</th>
                  <th scope="col">took</th>
                  <th scope="col">end</th>
                </tr>
              </thead>
              <tbody>
                {found.map((r) => (
                  <RunRow key={r.run} r={r} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
    </>
  );
}
