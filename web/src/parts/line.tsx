import { signal } from '@preact/signals';
import type { Waiter } from '../../../src/commands/index.ts';
import type { Said } from '../api.ts';
import { line, serverNow, spoken } from '../store.ts';
import { Act } from './act.tsx';
import { Age, duration, Mark, Waiting } from './bits.tsx';

/** What became of a cancel: its row is gone by then. */
const answer = signal<string | undefined>(undefined);
let forget: ReturnType<typeof setTimeout> | undefined;
const ANSWER_MS = 20_000;

function told(p: Waiter, s: Said): void {
  if (s.is === 'running') return;
  const { problem } = s;
  const text =
    problem === undefined
      ? `${p.id} tw ${p.what} is cancelled`
      : `${p.id} tw ${p.what} is not cancelled: ${problem.code} ${[problem.title, ...problem.why].join(', ')}`;
  answer.value = text;
  spoken.value = text;
  clearTimeout(forget);
  forget = setTimeout(() => (answer.value = undefined), ANSWER_MS);
  document.getElementById('line')?.focus();
}

const stand = (p: Waiter): string => {
  const since = duration(serverNow.value - p.since);
  return p.state === 'runs' ? `runs for ${since}` : `waits for ${since} behind ${p.behind.join(', ')}`;
};

function Place({ of: p }: { of: Waiter }) {
  return (
    <li>
      <Mark tone={p.state === 'runs' ? 'busy' : 'wait'} />
      <span class="who">
        <strong>tw {p.what}</strong> {p.id} {stand(p)}
        <span class="muted">
          {' '}
          by {p.by} ({p.door}), on {p.clusters.length === 0 ? 'the fleet' : p.clusters.join(', ')}
        </span>
      </span>
      <Act
        verb="cancel"
        args={{ id: p.id }}
        label={`Cancel ${p.id}`}
        command={`tw cancel ${p.id}`}
        kind="safe"
        on={p}
        brief
        note={`tw ${p.what} of ${p.by} leaves the line; nothing of it is done.`}
        denied={p.state === 'runs' ? 'it has its turn' : undefined}
        onSaid={(s) => told(p, s)}
      />
    </li>
  );
}

const Places = ({ of }: { of: readonly Waiter[] }) => (
  <ol class="places">
    {of.map((p) => (
      <Place key={p.id} of={p} />
    ))}
  </ol>
);

/** Who changes the fleet now, and who waits for whom. */
export function Line() {
  const seen = line.value;
  if (seen.data === undefined) return <Waiting seen={seen} />;
  if (seen.data.line.length === 0) return <p class="muted">Nothing changes the fleet and nothing waits.</p>;
  return <Places of={seen.data.line} />;
}

function summaryOf(all: readonly Waiter[]): string {
  const waits = all.filter((p) => p.state === 'waits');
  const runs = all.filter((p) => p.state === 'runs').map((p) => `tw ${p.what} by ${p.by} runs`);
  return [...runs, ...(waits.length === 0 ? [] : [`${waits.length} ${waits.length === 1 ? 'waits' : 'wait'}`])].join(
    ', ',
  );
}

/** The same on every page, while there is anybody in it: one line that opens. */
export function LineStrip() {
  const all = line.value.data?.line ?? [];
  if (all.length === 0 && answer.value === undefined) return null;
  return (
    <section class="line" id="line" aria-label="The line of commands" tabIndex={-1}>
      {answer.value !== undefined && <p>{answer}</p>}
      {all.length > 0 && (
        <details>
          <summary>
            <Mark tone={all.some((p) => p.state === 'waits') ? 'wait' : 'busy'} /> {summaryOf(all)}{' '}
            <Age at={line.value.at} />
          </summary>
          <Places of={all} />
        </details>
      )}
    </section>
  );
}
