import { type Card, inFleet } from '../../commands/index.ts';
import { clean, duration, type Row, SIGN, type Span, type Tone } from '../../kernel/index.ts';
import type { Button, CardRow, CardView } from '../model.ts';
import { checkOf } from './check.ts';
import { releaseOf } from './release.ts';

/** Rows of a card; above it the bad ones come first and the rest is counted. */
const MOST = 12;
const LONGEST = 160;

const words = (spans: readonly Span[]): string =>
  clean(spans.map((s) => (s.t === 'time' ? duration(s.ms) : s.s)).join('')).slice(0, LONGEST);

function rowsOf(rows: readonly Row[], depth = 0): (CardRow & { tone: Tone })[] {
  return rows.flatMap((r) => {
    const cells = Object.entries(r.cells).flatMap(([k, v]) =>
      words(v) === '' ? [] : [k === '' ? words(v) : `${k} ${words(v)}`],
    );
    const why = r.why === undefined || r.why.length === 0 ? [] : [words(r.why)];
    const own = {
      tone: r.tone,
      mark: SIGN[r.tone],
      label: '  '.repeat(depth) + words(r.label),
      cells: [...cells, ...why].join(', ').slice(0, LONGEST),
    };
    return [own, ...rowsOf(r.kids, depth + 1)];
  });
}

function shown(rows: readonly (CardRow & { tone: Tone })[]): { rows: CardRow[]; more: number } {
  const bad = rows.filter((r) => r.tone === 'bad' || r.tone === 'warn');
  const chosen = rows.length <= MOST ? rows : [...bad, ...rows.filter((r) => !bad.includes(r))].slice(0, MOST);
  return {
    rows: chosen.map((r) => ({ mark: r.mark, label: r.label, cells: r.cells })),
    more: rows.length - chosen.length,
  };
}

const stateOf = (c: Card): string => {
  if (c.state === 'queued') return `waits behind ${c.behind}`;
  if (c.state !== 'ended') return c.state;
  if (c.problem === undefined) return c.exit === 0 || c.exit === undefined ? 'done' : `done, exit ${c.exit}`;
  return `${c.problem.code} ${c.problem.title}${c.problem.value === undefined ? '' : `: ${clean(c.problem.value).slice(0, LONGEST)}`}`;
};

function markOf(c: Card): string {
  if (c.state !== 'ended') return c.state === 'running' ? SIGN.busy : SIGN.wait;
  return c.problem === undefined ? SIGN.ok : SIGN.bad;
}

const notesOf = (c: Card): string[] => {
  const alias = c.expanded === undefined ? [] : [`means: ${c.expanded}`];
  const { problem } = c;
  if (problem === undefined) return alias;
  const fixes = problem.fix.map((f) => `${f.say}${f.command === undefined ? '' : ` ${f.command}`}`);
  return [...alias, ...problem.why, ...fixes].map((t) => clean(t).slice(0, LONGEST * 2)).slice(0, 8);
};

/** Id of the approval that a refusal waits for. */
function askedFor(c: Card): string | undefined {
  const { code, value } = c.problem ?? {};
  const asks = code === 'TW6110' || code === 'TW6115';
  return asks && value !== undefined && /^a-[0-9a-f]{12}$/.test(value) ? value : undefined;
}

/** The last fix of what waits for votes does exactly what was voted on. */
function voteButtons(id: string, then: string | undefined): Button[] {
  const line = /^tw (.+ --plan .+)$/.exec(then ?? '')?.[1];
  return [
    { label: 'Approve', line: `approve ${id}`, kind: 'go' },
    { label: 'Deny', line: `deny ${id} because "denied by button"`, kind: 'stop' },
    ...(line === undefined ? [] : [{ label: 'Do it', line, kind: 'go' as const }]),
  ];
}

function releaseButtons(app: string, state: Card['state']): Button[] {
  const back: Button = { label: 'Roll back everywhere', line: `rollback ${app}`, kind: 'stop' };
  return state === 'running' ? [{ label: 'Pause', line: `pause ${app}`, kind: 'stop' }, back] : [back];
}

const RELEASES: readonly (string | undefined)[] = ['release', 'promote'];

/** What a person can do about it, each one a line that they could type as well. */
function buttonsOf(c: Card): Button[] {
  const id = askedFor(c);
  if (id !== undefined) return voteButtons(id, c.problem?.fix.at(-1)?.command);
  const { app } = c;
  if (app === undefined || !RELEASES.includes(c.verb) || c.problem !== undefined) return [];
  return releaseButtons(app, c.state);
}

/** Everything a platform shows of a command, as words. Pure; renderers only set it. */
export function cardView(c: Card, revision: number): CardView {
  const release = releaseOf(c);
  const check = checkOf(c, release);
  return {
    ...(release === undefined ? {} : { release }),
    ...(check === undefined ? {} : { check }),
    id: c.id,
    revision,
    line: clean(c.line).slice(0, LONGEST * 2),
    by: clean(c.by),
    mark: markOf(c),
    state: stateOf(c),
    ...shown(rowsOf(c.view?.rows ?? [])),
    notes: notesOf(c),
    buttons: buttonsOf(c).map((b) => (c.fleet === undefined ? b : { ...b, line: inFleet(b.line, c.fleet) })),
  };
}
