import type { LabView } from '../../../src/chat/index.ts';

type Entry = Extract<LabView['entries'][number], { is: 'card' }>;

interface Props {
  of: Entry;
  person: string;
  /** Absent: this sign-in presses nothing. */
  press: ((card: string, button: string) => void) | undefined;
}

/** A card as every chat gets it: words, rows and lines to press. */
export function LabCard({ of, person, press }: Props) {
  const { card, edits, id } = of;
  return (
    <li class="sent">
      <div class="head">
        <strong>
          {card.mark} {card.line}
        </strong>{' '}
        <span class="muted">({card.by})</span> {card.state}
      </div>
      {card.rows.length > 0 && (
        <pre>
          {card.rows.map((r) => `${r.mark} ${r.label}${r.cells === '' ? '' : `  ${r.cells}`}`).join('\n')}
          {card.more > 0 && `\n… ${card.more} more`}
        </pre>
      )}
      {card.notes.map((n) => (
        <div key={n} class="note">
          {n}
        </div>
      ))}
      {card.buttons.length > 0 && (
        <div class="buttons">
          {card.buttons.map((b) => (
            <button
              key={b.label}
              type="button"
              class={b.kind === 'stop' ? 'safe' : 'forward'}
              title={`/tw ${b.line}`}
              disabled={press === undefined}
              onClick={() => press?.(id, b.label)}
            >
              {b.label}
              <span class="unseen"> as {person}</span>
            </button>
          ))}
        </div>
      )}
      {edits > 0 && <div class="muted">{edits === 1 ? 'edited once' : `edited ${edits} times`}</div>}
    </li>
  );
}
