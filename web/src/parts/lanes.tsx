import type { Release } from '../types.ts';
import { timeOf } from './bits.tsx';

type Lane = Release['lanes'][number];

/** Phases in their order; every lane stands in one of them. */
const PHASES = ['make', 'start', 'check', 'ready', 'switch', 'judge', 'serve'] as const;
const AT: Readonly<Record<string, number>> = {
  making: 0,
  starting: 1,
  checking: 2,
  ready: 3,
  waits: 3,
  switching: 4,
  judged: 5,
  serves: 6,
};
type State = 'done' | 'now' | 'next' | 'back' | 'bad';
const SAY: Readonly<Record<State, string>> = {
  done: 'done',
  now: 'now',
  next: 'to come',
  back: 'taken back',
  bad: 'stuck',
};

function stateOf(l: Lane, i: number): State {
  if (l.phase.startsWith('back') || l.phase === 'going back') return i <= 4 ? 'back' : 'next';
  const at = AT[l.phase.split(' ')[0] ?? ''];
  if (at === undefined) return 'bad';
  if (i < at || (at === 6 && i === 6)) return 'done';
  return i === at ? 'now' : 'next';
}

function LaneRow({ l, green }: { l: Lane; green: string }) {
  return (
    <tr>
      <th scope="row">
        {l.name}
        <div class="muted">wave {l.wave + 1}</div>
      </th>
      {PHASES.map((p, i) => {
        const s = stateOf(l, i);
        return (
          <td key={p} class={`step ${s}`}>
            <span class="unseen">{SAY[s]}</span>
          </td>
        );
      })}
      <td class="phase">
        {l.phase}
        {l.braked && <span class="tag bad">braked</span>}
        {l.flippedAtMs !== null && <div class="muted">switched {timeOf(l.flippedAtMs)}</div>}
        {l.why !== null && <div class="why">{l.why}</div>}
      </td>
      <td class={`version${l.version === green ? ' green' : ' blue'}`}>{l.version ?? '?'}</td>
    </tr>
  );
}

/** One lane per cluster, phases aligned. */
export function Lanes({ of: r }: { of: Release }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Lanes of ${r.release}`}>
      <table class="lanes">
        <thead>
          <tr>
            <th scope="col">cluster</th>
            {PHASES.map((p) => (
              <th scope="col" key={p} class="step">
                {p}
              </th>
            ))}
            <th scope="col">phase</th>
            <th scope="col">serves</th>
          </tr>
        </thead>
        <tbody>
          {r.lanes.map((l) => (
            <LaneRow key={l.name} l={l} green={r.green} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
