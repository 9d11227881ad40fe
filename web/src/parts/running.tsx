import type { RunInfo } from '../../../src/server/model.ts';
import { runs, serverNow } from '../store.ts';
import { duration, Mark, ToApprovals, Tree } from './bits.tsx';

const RECENT_MS = 15_000;

/** What is said of a run that shows nothing. */
function blank(r: RunInfo): string {
  if (r.state !== 'running') return r.exit === null ? r.state : `${r.state}, exit ${r.exit}`;
  return r.door === 'http' ? 'begins…' : r.door === 'cli' ? 'in a terminal' : `through ${r.door}`;
}

/** Commands that run now, and those that ended a moment ago, on every page. */
export function Running() {
  const all = runs.value.data?.runs ?? [];
  const shown = all.filter(
    (r) =>
      r.state === 'running' || (r.door === 'http' && r.endedAt !== null && serverNow.value - r.endedAt < RECENT_MS),
  );
  if (shown.length === 0) return null;
  return (
    <aside class="running" aria-label="Running commands">
      {shown.map((r) => (
        <details key={r.run} open={r.state !== 'done'}>
          <summary>
            <Mark tone={r.state === 'running' ? 'busy' : r.state === 'done' ? 'ok' : 'bad'} /> tw {r.verb}
            <span class="muted">
              {' '}
              by {r.by}, {duration((r.endedAt ?? serverNow.value) - r.startedAt)}
              {r.problems.length > 0 ? ` · ${r.problems.join(', ')}` : ''}
            </span>
          </summary>
          {r.view === null ? <p class="muted">{blank(r)}</p> : <Tree view={r.view} />}
          <ToApprovals codes={r.problems} />
        </details>
      ))}
    </aside>
  );
}
