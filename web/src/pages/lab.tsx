import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { LabSwitches, LabView } from '../../../src/chat/index.ts';
import type { Problem } from '../../../src/kernel/index.ts';
import { inLab } from '../api.ts';
import { Card, Trouble, timeOf, Waiting } from '../parts/bits.tsx';
import { LabCard } from '../parts/lab-card.tsx';
import { lab, me, offline, releases } from '../store.ts';
import './lab.css';

const SWITCHES: readonly (readonly [keyof LabSwitches, name: string, means: string])[] = [
  ['outage', 'Outage', 'nothing comes in, nothing goes out'],
  ['slow', 'Slow', 'everything takes 5 s'],
  ['limited', 'Rate limit', 'every write is answered 429'],
  ['duplicate', 'Duplicates', 'every line is delivered twice'],
  ['reorder', 'Reorder', 'of two lines the second comes first'],
];

type Line = Extract<LabView['entries'][number], { is: 'line' }>;

/** Lines to begin with, of an app that is there. */
function examples(): string[] {
  const app = releases.value.data?.apps[0]?.app;
  const any = ['/tw status', '/tw locks', '/tw who'];
  if (app === undefined) return any;
  const of = [`release ${app}@v2`, `promote ${app}`, `rollback ${app} because "it looks wrong"`];
  return [...of.map((l) => `/tw ${l}`), `/tw ${app} list`, `/tw ${app} deploy v2`, `/tw ${app} enable v2`, ...any];
}

/** Only whoever owns the project's files plays persons. */
const isHere = (): boolean => typeof me.value === 'object' && me.value.name === 'local';
const mayPlay = (): boolean => isHere() && offline.value === undefined;

function Switches({ of, refused }: { of: LabSwitches; refused: number }) {
  const problem = useSignal<Problem | undefined>(undefined);
  const flip = async (name: keyof LabSwitches, on: boolean): Promise<void> => {
    problem.value = await inLab('switches', { [name]: on });
  };
  return (
    <>
      <fieldset class="switches" disabled={!mayPlay()}>
        <legend class="unseen">What goes wrong</legend>
        {SWITCHES.map(([name, label, means]) => (
          <label key={name}>
            <input
              type="checkbox"
              role="switch"
              checked={of[name]}
              onChange={(e) => void flip(name, e.currentTarget.checked)}
            />
            <span>
              {label} <span class="muted">{means}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p role="status" class={refused > 0 ? 'why' : 'muted'}>
        {refused > 0
          ? `The platform refused ${refused} writes: cards show an older state, commands run all the same.`
          : 'The platform takes everything.'}
      </p>
      {problem.value !== undefined && <Trouble problem={problem.value} />}
    </>
  );
}

const noteOf = (l: Line): string => {
  const notes = [
    l.pressed === undefined ? '' : `pressed ${l.pressed}`,
    l.state === 'waits' ? 'not delivered yet' : '',
    l.copies > 1 ? `delivered ${l.copies} times` : '',
  ];
  return notes.filter((n) => n !== '').join(', ');
};

function Said({ l, own }: { l: Line; own: boolean }) {
  const note = noteOf(l);
  return (
    <li class={own ? 'said own' : 'said'}>
      <strong>{l.from}</strong> <span class="muted">{timeOf(l.at)}</span>
      <div>{l.text}</div>
      {note !== '' && <div class="muted">{note}</div>}
    </li>
  );
}

/** The room as one person sees it; it stays at its end unless they read further up. */
function Room({ view, person, fail }: { view: LabView; person: string; fail: (p: Problem | undefined) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const last = useRef(0);
  useEffect(() => {
    const b = box.current;
    if (b !== null && atEnd.current) b.scrollTop = b.scrollHeight;
  }, [view]);
  const press = (card: string, button: string): void => {
    void inLab('press', { person, card, button }).then(fail);
  };
  return (
    <div
      class="room"
      ref={box}
      role="log"
      aria-live="off"
      aria-label={`#${view.room} as ${person} sees it`}
      tabIndex={0}
      onScroll={({ currentTarget: b }) => {
        // What grows below does not move the reader up; the reader does.
        if (b.scrollTop < last.current) atEnd.current = false;
        if (b.scrollHeight - b.scrollTop - b.clientHeight < 24) atEnd.current = true;
        last.current = b.scrollTop;
      }}
    >
      {view.entries.length === 0 && <p class="muted">Nobody has said anything.</p>}
      <ul class="plain">
        {view.entries.map((e) =>
          e.is === 'line' ? (
            <Said key={e.id} l={e} own={e.from === person} />
          ) : (
            <LabCard key={e.id} of={e} person={person} press={mayPlay() ? press : undefined} />
          ),
        )}
      </ul>
    </div>
  );
}

function Person({ view, person }: { view: LabView; person: string }) {
  const text = useSignal('');
  const problem = useSignal<Problem | undefined>(undefined);
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    const line = text.value;
    text.value = '';
    problem.value = await inLab('say', { person, text: line });
    if (problem.value !== undefined) text.value = line;
  };
  return (
    <Card title={person}>
      <Room view={view} person={person} fail={(p) => (problem.value = p)} />
      {problem.value !== undefined && <Trouble problem={problem.value} />}
      <form class="say" onSubmit={(e) => void send(e)}>
        <input
          required
          list="lab-lines"
          autocomplete="off"
          maxLength={2000}
          aria-label={`Line of ${person}`}
          placeholder="/tw status"
          value={text.value}
          disabled={!mayPlay()}
          onInput={(e) => (text.value = e.currentTarget.value)}
        />
        <button type="submit" disabled={!mayPlay()}>
          Send<span class="unseen"> as {person}</span>
        </button>
      </form>
    </Card>
  );
}

/** What would this look like in chat, and what when chat breaks? */
export function Lab() {
  const seen = lab.value;
  const view = seen.data;
  return (
    <>
      <h1>Chat lab</h1>
      <p class="muted">
        One room, several persons, all of them played by you. What begins with <code>/tw</code> is a command; a button
        types a line for whoever presses it. Rights and approvals hold as in every other chat.
      </p>
      {!isHere() && <p class="why">This sign-in may look only: persons are played on the machine of the project.</p>}
      {view === undefined ? (
        seen.problem === undefined ? (
          <Waiting seen={seen} />
        ) : (
          <Trouble problem={seen.problem} />
        )
      ) : (
        <>
          <Card title="What goes wrong">
            <Switches of={view.switches} refused={view.refused} />
          </Card>
          <div class="persons">
            {view.persons.map((p) => (
              <Person key={p} view={view} person={p} />
            ))}
          </div>
          <datalist id="lab-lines">
            {examples().map((l) => (
              <option key={l} value={l} />
            ))}
          </datalist>
        </>
      )}
    </>
  );
}
