import { useSignal } from '@preact/signals';
import { Fragment } from 'preact';
import { useRef } from 'preact/hooks';
import type { Problem } from '../../../src/kernel/index.ts';
import { type Args, act, type Said } from '../api.ts';
import { offline } from '../store.ts';
import { Trouble } from './bits.tsx';
import { type Kind, missingRight, type Reach, reachOf } from './rights.ts';

export interface Change {
  cluster: string;
  from: string;
  to: string;
}
/** One thing that it asks, and says with the command. */
export interface Field {
  name: string;
  label: string;
  initial?: string;
  needed?: boolean;
  /** What may be chosen; `''` leaves it out. */
  options?: readonly string[];
  /** Shown for `''`. */
  none?: string;
  placeholder?: string;
  /** It is sent as a list of one. */
  list?: boolean;
  number?: boolean;
}
type Values = Readonly<Record<string, string>>;
export interface ActProps {
  verb: string;
  args: Args;
  label: string;
  /** What stands on the button, where its row says the rest. */
  short?: string;
  /** The line that does the same in a terminal. */
  command: string | ((values: Values) => string);
  kind: Kind;
  /** How it looks: `safe` for what stops or takes back. */
  tone?: 'safe' | 'forward';
  changes?: readonly Change[];
  note?: string;
  /** Why it cannot be done now. */
  denied?: string | undefined;
  strong?: boolean;
  fields?: readonly Field[];
  /** What it would touch, where the arguments do not say it. */
  on?: Reach;
  /** It destroys: this is typed first. */
  typed?: string;
  /** The command is in the question alone, not beside the button. */
  brief?: boolean;
  /** It hears that the question is open, and that it is not any more. */
  onAsk?: (open: boolean) => void;
  /** It hears the answer; else only a refusal is shown. */
  onSaid?: (s: Said) => void;
}

/** The same word as in a shell: quoted where it has to be. */
export const word = (text: string): string => (/^[\w@.:/=,#-]+$/.test(text) ? text : JSON.stringify(text));
/** `--name value`, or nothing. */
export const flag = (name: string, value: string | undefined): string =>
  value === undefined || value === '' ? '' : ` --${name} ${word(value)}`;

/** A line for a terminal; a word of it is not broken at its dashes. */
export function Command({ line }: { line: string }) {
  return (
    <code class="command">
      {line.split(' ').map((w, i) => (
        <Fragment key={i}>
          {i > 0 && ' '}
          <span>{w}</span>
        </Fragment>
      ))}
    </code>
  );
}

const initialOf = (fields: readonly Field[]): Values =>
  Object.fromEntries(fields.map((f) => [f.name, f.initial ?? '']));
const lineOf = ({ command }: ActProps, values: Values): string =>
  typeof command === 'string' ? command : command(values);

/** Arguments with what was filled in. */
function filled(p: ActProps, values: Values): Args {
  const given = (p.fields ?? []).flatMap((f) => {
    const text = (values[f.name] ?? '').trim();
    if (text === '') return [];
    return [[f.name, f.list === true ? [text] : f.number === true ? Number(text) : text] as const];
  });
  return { ...p.args, ...Object.fromEntries(given) };
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

function Input({ f, value, set }: { f: Field; value: string; set: (to: string) => void }) {
  return (
    <label class="field">
      {f.label}{' '}
      {f.options === undefined ? (
        <input
          required={f.needed === true}
          pattern={f.needed === true ? '.*\\S.*' : undefined}
          inputMode={f.number === true ? 'numeric' : undefined}
          placeholder={f.placeholder}
          value={value}
          onInput={(e) => set(e.currentTarget.value)}
        />
      ) : (
        <select value={value} required={f.needed === true} onChange={(e) => set(e.currentTarget.value)}>
          {f.options.map((o) => (
            <option key={o} value={o}>
              {o === '' ? (f.none ?? '') : o}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}

function Typed({ wanted, value, set }: { wanted: string; value: string; set: (to: string) => void }) {
  return (
    <label class="field">
      This destroys. Type <strong>{wanted}</strong> to go on{' '}
      <input autocomplete="off" value={value} onInput={(e) => set(e.currentTarget.value)} />
    </label>
  );
}

interface QuestionProps extends ActProps {
  look: string;
  close: () => void;
}

/** What the press would do: from and to per cluster, and the command that does the same. */
function Question(p: QuestionProps) {
  const { fields = [], typed } = p;
  const busy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const values = useSignal(initialOf(fields));
  const name = useSignal('');
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    // It is not switched off while it works: whoever pressed it would stand nowhere.
    if (busy.value) return;
    busy.value = true;
    const said = await act(p.verb, filled(p, values.value));
    busy.value = false;
    problem.value = said.is === 'no' ? said.problem : undefined;
    if (said.is !== 'no') {
      values.value = initialOf(fields);
      name.value = '';
      p.close();
    }
    p.onSaid?.(said);
  };
  const waits = typed !== undefined && name.value.trim() !== typed;
  return (
    <form onSubmit={(e) => void send(e)}>
      <h2>{p.label}?</h2>
      {p.note !== undefined && <p>{p.note}</p>}
      {p.changes !== undefined && <Changes of={p.changes} />}
      {fields.map((f) => (
        <Input
          key={f.name}
          f={f}
          value={values.value[f.name] ?? ''}
          set={(to) => (values.value = { ...values.value, [f.name]: to })}
        />
      ))}
      {typed !== undefined && <Typed wanted={typed} value={name.value} set={(to) => (name.value = to)} />}
      <p class="muted">
        The same in a terminal: <Command line={lineOf(p, values.value)} />
      </p>
      {problem.value !== undefined && <Trouble problem={problem.value} />}
      <Send {...p} busy={busy.value} waits={waits} />
    </form>
  );
}

function Send(p: QuestionProps & { busy: boolean; waits: boolean }) {
  return (
    <>
      {offline.value !== undefined && <p class="why">{offline.value}</p>}
      <div class="buttons">
        <button
          type="submit"
          class={`${p.look} strong`}
          disabled={p.waits || offline.value !== undefined}
          aria-disabled={p.busy}
        >
          {p.busy ? 'Sent…' : p.label}
        </button>
        <button type="button" onClick={p.close}>
          Leave it
        </button>
      </div>
    </>
  );
}

const lookOf = (p: ActProps): 'safe' | 'forward' => p.tone ?? (p.kind === 'safe' ? 'safe' : 'forward');
const deniedOf = (p: ActProps): string | undefined =>
  offline.value ?? p.denied ?? missingRight(p.kind, p.on ?? reachOf(p.args));

function Opener({
  p,
  denied,
  command,
  open,
}: {
  p: ActProps;
  denied: string | undefined;
  command: string;
  open: () => void;
}) {
  return (
    <button
      type="button"
      class={`${lookOf(p)}${p.strong === true ? ' strong' : ''}`}
      disabled={denied !== undefined}
      title={denied ?? command}
      aria-label={p.short === undefined ? undefined : p.label}
      onClick={open}
    >
      {p.short ?? p.label}
    </button>
  );
}

/** A button with its question: two presses, and no typing but for what destroys. */
export function Act(p: ActProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const denied = deniedOf(p);
  const command = lineOf(p, initialOf(p.fields ?? []));
  const open = (): void => {
    p.onAsk?.(true);
    dialog.current?.showModal();
  };
  return (
    <span class="act">
      <Opener p={p} denied={denied} command={command} open={open} />
      {p.brief !== true && <Command line={command} />}
      {denied !== undefined && <span class="denied">{denied}</span>}
      <dialog ref={dialog} aria-label={p.label} onClose={() => p.onAsk?.(false)}>
        <Question {...p} look={lookOf(p)} close={() => dialog.current?.close()} />
      </dialog>
    </span>
  );
}
