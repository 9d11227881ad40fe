import type { CardView } from '../model.ts';

/** Limits of Block Kit that a card can meet, in characters. */
const SECTION = 2900;
const LABEL = 75;
const VALUE = 2000;

/** Text that Slack parses nowhere: rich text elements take it as it is. */
const plain = (text: string) => ({ type: 'text', text });

interface Block {
  type: string;
  [more: string]: unknown;
}

const code = (id: string, text: string): Block => ({
  type: 'rich_text',
  block_id: id,
  elements: [{ type: 'rich_text_preformatted', elements: [plain(text.slice(0, SECTION))] }],
});

const line = (id: string, text: string): Block => ({
  type: 'rich_text',
  block_id: id,
  elements: [{ type: 'rich_text_section', elements: [plain(text.slice(0, SECTION))] }],
});

function actions(v: CardView): Block[] {
  if (v.buttons.length === 0) return [];
  const elements = v.buttons.slice(0, 5).map((b, i) => ({
    type: 'button',
    action_id: `tw-${i}`,
    text: { type: 'plain_text', text: b.label.slice(0, LABEL), emoji: false },
    value: b.line.slice(0, VALUE),
    ...(b.kind === 'stop' ? { style: 'danger' } : { style: 'primary' }),
  }));
  return [{ type: 'actions', block_id: 'actions', elements }];
}

/** Characters that begin markup in the one text that Slack parses: notifications of phones. */
const inert = (text: string): string =>
  text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@/g, '@\u2060')
    .replace(/[*_~`]/g, '');

/** A card as the arguments of chat.postMessage and chat.update: always all blocks, nothing of it parsed. */
export function slackMessage(v: CardView) {
  const rows = v.rows.map((r) => `${r.mark} ${r.label}${r.cells === '' ? '' : `  ${r.cells}`}`);
  const table = [...rows, ...(v.more === 0 ? [] : [`… ${v.more} more`])].join('\n');
  const head = `${v.mark} ${v.line} (${v.by}): ${v.state}`;
  return {
    text: inert(head).slice(0, SECTION),
    parse: 'none' as const,
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    metadata: { event_type: 'tradewind_card', event_payload: { card: v.id, revision: v.revision } },
    blocks: [
      line('head', head),
      ...(table === '' ? [] : [code('rows', table)]),
      ...(v.notes.length === 0 ? [] : [line('notes', v.notes.join('\n'))]),
      ...actions(v),
    ],
  };
}
