import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Pending } from '../../../src/commands/index.ts';
import type { Said } from '../api.ts';
import { approvals, serverNow, spoken } from '../store.ts';
import { Act, flag } from './act.tsx';
import { Card, duration, Mark, timeOf, Waiting } from './bits.tsx';

/** The one whose question is open in a dialog: it stays, also when it is over meanwhile. */
const held = signal<Pending | undefined>(undefined);
/** What became of a vote: its row may be gone by then. */
const answer = signal<string | undefined>(undefined);

function told(a: Pending, says: 'yes' | 'no', s: Said): void {
  if (s.is === 'running') return;
  answer.value =
    s.is === 'no'
      ? `Your ${says} to tw ${a.what} does not count: ${s.problem.code} ${[s.problem.title, ...s.problem.why].join(', ')}`
      : `Your ${says} to tw ${a.what} counts.`;
  spoken.value = answer.value;
  if (s.is === 'done') document.getElementById('approvals')?.focus();
}

const placesOf = (a: Pending): string =>
  [a.app ?? 'the fleet', ...(a.clusters.length === 0 ? [] : [`on ${a.clusters.join(', ')}`])].join(' ');

const planOf = (a: Pending): string => (a.plan === null ? 'it has no plan' : `exactly the plan ${a.plan}`);

function agreeing(a: Pending): string {
  const rest = a.missing - 1;
  const then =
    rest > 0
      ? `After your yes ${rest} more ${rest === 1 ? 'is' : 'are'} missing.`
      : `With your yes ${a.requester} may do it, once, until ${timeOf(a.until)}; your yes itself does nothing yet.`;
  return `tw ${a.what} by ${a.requester}: ${placesOf(a)}, ${planOf(a)}. ${then}`;
}

const refusing = (a: Pending): string =>
  `tw ${a.what} by ${a.requester} may not be done: one no ends the question, and ${a.requester} has to ask again.`;

function standOf(a: Pending, over: boolean): string {
  if (over) return 'It is over: denied, done, moved or too late.';
  if (a.state === 'granted') return `Approved and not done yet: ${a.requester} gives the command once more.`;
  const from = a.from === null ? '' : ` from ${a.from.join(', ')}`;
  return `${a.missing} ${a.missing === 1 ? 'vote is' : 'votes are'} missing${from}.`;
}

function Votes({ of }: { of: Pending['votes'] }) {
  if (of.length === 0) return <>Nobody has voted. </>;
  return (
    <>
      {of.map((v) => (
        <span key={v.person}>
          <Mark tone={v.says === 'yes' ? 'ok' : 'bad'} /> {v.person}: {v.says}
          {v.because !== undefined && ` (${v.because})`}.{' '}
        </span>
      ))}
    </>
  );
}

function Asked({ of: a, over }: { of: Pending; over: boolean }) {
  const onAsk = (open: boolean): void => void (held.value = open ? a : undefined);
  return (
    <li>
      <Mark tone={over ? 'off' : a.state === 'granted' ? 'ok' : 'wait'} />
      <div class="who">
        <strong>tw {a.what}</strong> <code>{a.id}</code>
        <div class="muted">
          asked by {a.requester}, {placesOf(a)}, {a.plan === null ? 'without a plan' : 'plan '}
          {a.plan !== null && <code>{a.plan}</code>}, until {timeOf(a.until)} ({duration(a.until - serverNow.value)})
        </div>
        <div>
          <Votes of={a.votes} />
          {standOf(a, over)}
        </div>
      </div>
      <div class="buttons">
        <Act
          verb="approve"
          args={{ approval: a.id }}
          label={`Approve ${a.id}`}
          command={`tw approve ${a.id}`}
          kind="decide"
          on={a}
          brief
          note={agreeing(a)}
          denied={a.state === 'granted' ? 'it has its votes' : undefined}
          onAsk={onAsk}
          onSaid={(s) => told(a, 'yes', s)}
        />
        <Act
          verb="deny"
          args={{ approval: a.id }}
          label={`Deny ${a.id}`}
          command={(v) => `tw deny ${a.id}${flag('because', v['because'] || '…')}`}
          kind="decide"
          tone="safe"
          on={a}
          brief
          note={refusing(a)}
          fields={[{ name: 'because', label: 'Why', needed: true }]}
          onAsk={onAsk}
          onSaid={(s) => told(a, 'no', s)}
        />
      </div>
    </li>
  );
}

/** What other persons must agree to, and what they agreed to that is not done yet. */
export function Approvals() {
  // Whoever leaves the page by the browser's own way back closes no dialog.
  useEffect(
    () => () => {
      held.value = undefined;
      answer.value = undefined;
    },
    [],
  );
  const seen = approvals.value;
  const now = seen.data?.approvals ?? [];
  const kept = held.value;
  const isOver = kept !== undefined && !now.some((a) => a.id === kept.id);
  const all = [...now, ...(isOver ? [kept] : [])].toSorted((a, b) => a.openedAt - b.openedAt);
  return (
    <div id="approvals" tabIndex={-1}>
      <Card title="Waiting for approval" seen={seen} wide>
        {answer.value !== undefined && <p>{answer}</p>}
        {seen.data === undefined ? (
          <Waiting seen={seen} />
        ) : all.length === 0 ? (
          <p class="muted">Nothing waits for approval.</p>
        ) : (
          <ol class="places">
            {all.map((a) => (
              <Asked key={a.id} of={a} over={isOver && a.id === kept.id} />
            ))}
          </ol>
        )}
      </Card>
    </div>
  );
}
