import type { ComponentChildren } from 'preact';
import type { Problem, Row, Span, Tone, View } from '../../../src/kernel/index.ts';
import { go } from '../route.ts';
import { type Seen, serverNow } from '../store.ts';

const SIGN: Readonly<Record<Tone, string>> = {
  ok: '✓',
  bad: '✗',
  busy: '●',
  wait: '○',
  warn: '!',
  off: '–',
  unknown: '?',
};

/** Tone by sign, colour and word: never by colour alone. */
export function Mark({ tone }: { tone: Tone }) {
  return (
    <span class={`mark ${tone}`} role="img" aria-label={tone}>
      {SIGN[tone]}
    </span>
  );
}

export function duration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export const timeOf = (at: number): string => new Date(at).toLocaleTimeString();

/** Text of a span; what came from outside is a text node like everything else. */
const spanText = (s: Span): string => (s.t === 'time' ? duration(s.ms) : s.s);
function Spans({ of }: { of: readonly Span[] }) {
  return <>{of.map((s, i) => (s.t === 'code' ? <code key={i}>{s.s}</code> : <span key={i}>{spanText(s)}</span>))}</>;
}

function RowItem({ row }: { row: Row }) {
  const cells = Object.values(row.cells).filter((c) => c.length > 0);
  return (
    <li>
      <Mark tone={row.tone} /> <Spans of={row.label} />
      {cells.map((c, i) => (
        <span class="cell" key={i}>
          <Spans of={c} />
        </span>
      ))}
      {row.why !== undefined && row.why.length > 0 && (
        <div class="why">
          <Spans of={row.why} />
        </div>
      )}
      {row.kids.length > 0 && <Rows rows={row.kids} />}
    </li>
  );
}
function Rows({ rows }: { rows: readonly Row[] }) {
  return (
    <ul class="rows">
      {rows.map((r) => (
        <RowItem key={r.key} row={r} />
      ))}
    </ul>
  );
}
export function Tree({ view }: { view: View }) {
  return <Rows rows={view.rows} />;
}

/** These leave a question to other persons. */
const ASKED: ReadonlySet<string> = new Set(['TW6110', 'TW6115']);

/** Leads there, where one of these codes asked somebody. */
export function ToApprovals({ codes }: { codes: readonly string[] }) {
  if (!codes.some((c) => ASKED.has(c))) return null;
  const there = (e: MouseEvent): void => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    go('/plan', 'approvals');
  };
  return (
    <p>
      <a href="/plan" onClick={there}>
        See who has to agree
      </a>
    </p>
  );
}

/** A problem as the terminal tells it: code, value, where, innermost cause, fix. */
export function Trouble({ problem: p }: { problem: Problem }) {
  const where = p.where.map((w) => [w.cluster, w.resource, w.file, w.path].filter(Boolean).join(' ')).filter(Boolean);
  return (
    <div class="trouble" role="alert">
      <strong>
        {p.code} {p.title}
      </strong>{' '}
      {p.value}
      {where.length > 0 && <div>where: {where.join(', ')}</div>}
      {p.why.map((w) => (
        <div key={w}>why: {w}</div>
      ))}
      {p.fix.map((f) => (
        <div key={f.say}>
          {f.say} {f.command !== undefined && <code>{f.command}</code>}
        </div>
      ))}
      <ToApprovals codes={[p.code]} />
    </div>
  );
}

const STALE_MS = 12_000;

const isStale = (at: number): boolean => at > 0 && serverNow.value - at > STALE_MS;

export function Age({ at }: { at: number }) {
  if (at === 0) return <span class="age">not seen yet</span>;
  const age = duration(serverNow.value - at);
  return <span class="age">{isStale(at) ? `last seen ${age} ago` : `${age} ago`}</span>;
}

/** A card over one topic: its age is told, and it turns grey when it is old. */
export function Card(p: { title: string; seen?: Seen<unknown>; children: ComponentChildren; wide?: boolean }) {
  const { seen } = p;
  const marks = [seen !== undefined && isStale(seen.at) ? 'stale' : '', p.wide === true ? 'wide' : ''];
  return (
    <section class={['card', ...marks].join(' ').trim()}>
      <header>
        <h2>{p.title}</h2>
        {seen !== undefined && <Age at={seen.at} />}
      </header>
      {seen?.problem !== undefined && <Trouble problem={seen.problem} />}
      {p.children}
    </section>
  );
}

export function Waiting({ seen }: { seen: Seen<unknown> }) {
  return seen.problem === undefined ? <p class="muted">Looking…</p> : null;
}
