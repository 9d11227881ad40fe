import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Problem } from '../../../src/kernel/index.ts';
import { type Args, act, type Said } from '../api.ts';
import { me, offline } from '../store.ts';
import { Trouble } from './bits.tsx';

export interface Change {
  cluster: string;
  from: string;
  to: string;
}
export interface ActProps {
  verb: string;
  args: Args;
  label: string;
  /** The line that does the same in a terminal. */
  command: string;
  kind: 'safe' | 'forward' | 'rule';
  changes?: readonly Change[];
  note?: string;
  /** Why it cannot be done now. */
  denied?: string | undefined;
  strong?: boolean;
  /** It asks why, and says it with the command. */
  reason?: boolean;
  /** It hears that the question is open, and that it is not any more. */
  onAsk?: (open: boolean) => void;
  /** It hears the answer; else only a refusal is shown. */
  onSaid?: (s: Said) => void;
}

const RANK = { look: 0, operate: 1, admin: 2 } as const;

/** Why this sign-in may not; a hint only: the server decides. */
function missingRole(kind: ActProps['kind']): string | undefined {
  const needs = kind === 'rule' ? 'admin' : 'operate';
  const has = typeof me.value === 'object' ? me.value.role : 'look';
  return RANK[has] >= RANK[needs] ? undefined : `your sign-in (${has}) may not: it needs ${needs}`;
}

function Changes({ of }: { of: readonly Change[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">cluster</th>
          <th scope="col">from</th>
          <th scope="col">to</th>
        </tr>
      </thead>
      <tbody>
        {of.map((c) => (
          <tr key={c.cluster}>
            <th scope="row">{c.cluster}</th>
            <td>{c.from}</td>
            <td>{c.to}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface QuestionProps extends ActProps {
  tone: string;
  close: () => void;
}

/** What the press would do: from and to per cluster, and the command that does the same. */
function Question(p: QuestionProps) {
  const busy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const because = useSignal('');
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    busy.value = true;
    const said = await act(p.verb, p.reason === true ? { ...p.args, because: because.value.trim() } : p.args);
    busy.value = false;
    problem.value = said.is === 'no' ? said.problem : undefined;
    if (said.is !== 'no') p.close();
    p.onSaid?.(said);
  };
  return (
    <form onSubmit={(e) => void send(e)}>
      <h2>{p.label}?</h2>
      {p.note !== undefined && <p>{p.note}</p>}
      {p.changes !== undefined && <Changes of={p.changes} />}
      <p class="muted">
        The same in a terminal: <code>{p.command}</code>
      </p>
      {p.reason === true && (
        <label class="reason">
          Why{' '}
          <input
            required
            pattern=".*\S.*"
            value={because.value}
            onInput={(e) => (because.value = e.currentTarget.value)}
          />
        </label>
      )}
      {problem.value !== undefined && <Trouble problem={problem.value} />}
      {offline.value !== undefined && <p class="why">{offline.value}</p>}
      <div class="buttons">
        <button type="submit" class={`${p.tone} strong`} disabled={busy.value || offline.value !== undefined}>
          {busy.value ? 'Sent…' : p.label}
        </button>
        <button type="button" onClick={p.close}>
          Leave it
        </button>
      </div>
    </form>
  );
}

/** A button with its question: two presses, no typing. */
export function Act(p: ActProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const denied = offline.value ?? p.denied ?? missingRole(p.kind);
  const tone = p.kind === 'safe' ? 'safe' : 'forward';
  return (
    <span class="act">
      <button
        type="button"
        class={p.strong === true ? `${tone} strong` : tone}
        disabled={denied !== undefined}
        title={denied ?? p.command}
        onClick={() => {
          p.onAsk?.(true);
          dialog.current?.showModal();
        }}
      >
        {p.label}
      </button>
      {denied !== undefined && <span class="denied">{denied}</span>}
      <dialog ref={dialog} aria-label={p.label} onClose={() => p.onAsk?.(false)}>
        <Question {...p} tone={tone} close={() => dialog.current?.close()} />
      </dialog>
    </span>
  );
}
