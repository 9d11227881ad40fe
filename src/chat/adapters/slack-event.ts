import { typedInSlack } from '../view/lines.ts';

/** Fields that this transport reads, of an envelope or of a request; everything else is left alone. */
export interface Body {
  type?: string;
  team_id?: string;
  user_id?: string;
  command?: string;
  text?: string;
  channel_id?: string;
  trigger_id?: string;
  event_id?: string;
  challenge?: string;
  user?: { id?: string; team_id?: string };
  channel?: { id?: string };
  actions?: readonly { action_ts?: string; value?: string; action_id?: string }[];
  event?: {
    type?: string;
    user?: string;
    user_team?: string;
    team?: string;
    text?: string;
    channel?: string;
    ts?: string;
    bot_id?: string;
    subtype?: string;
    edited?: unknown;
  };
}
export type Kind = 'slash_commands' | 'events_api' | 'interactive';

export interface Typed {
  user: string | undefined;
  team: string | undefined;
  room: string | undefined;
  line: string;
  /** Ids that Slack repeats with a copy. */
  keys: readonly (string | undefined)[];
  typedAt: number;
}

const seconds = (ts: string | undefined): number | undefined => {
  const ms = Number(ts) * 1000;
  return Number.isFinite(ms) ? ms : undefined;
};

/** Bots, edits and joins are no lines of persons. */
const isPerson = (e: NonNullable<Body['event']>): boolean =>
  e.type === 'app_mention' && e.bot_id === undefined && e.subtype === undefined && e.edited === undefined;

function slashed(b: Body, slash: string, now: number): Typed | undefined {
  if (b.command !== slash) return undefined;
  const line = typedInSlack(b.text ?? '');
  return { user: b.user_id, team: b.team_id, room: b.channel_id, line, keys: [b.trigger_id], typedAt: now };
}

function mentioned(b: Body, _: string, now: number): Typed | undefined {
  const e = b.event;
  if (e === undefined || !isPerson(e)) return undefined;
  const team = e.user_team ?? e.team ?? b.team_id;
  const keys = [b.event_id, `${e.channel} ${e.ts}`];
  return { user: e.user, team, room: e.channel, line: typedInSlack(e.text ?? ''), keys, typedAt: seconds(e.ts) ?? now };
}

/** A press on a button of a card. */
function ours(b: Body): NonNullable<Body['actions']>[number] | undefined {
  const [a] = b.actions ?? [];
  return b.type === 'block_actions' && a?.action_id?.startsWith('tw-') === true ? a : undefined;
}

function pressed(b: Body, _: string, now: number): Typed | undefined {
  const a = ours(b);
  if (a === undefined) return undefined;
  const { id: user, team_id: team } = b.user ?? {};
  const keys = [b.trigger_id, `${user} ${a.action_ts}`];
  return { user, team, room: b.channel?.id, line: a.value ?? '', keys, typedAt: seconds(a.action_ts) ?? now };
}

const READ: Readonly<Record<Kind, (b: Body, slash: string, now: number) => Typed | undefined>> = {
  slash_commands: slashed,
  events_api: mentioned,
  interactive: pressed,
};

export interface Happening {
  kind: Kind;
  body: Body;
  /** When Slack sent it, Unix milliseconds. */
  sentAt: number;
  /** Of the envelope or of the request. */
  key: string;
}

const isKind = (kind: string): kind is Kind => Object.hasOwn(READ, kind);

export const happening = (x: Omit<Happening, 'kind'>, kind: string): Happening | undefined =>
  isKind(kind) ? { ...x, kind } : undefined;

/** What was typed or pressed; undefined = nothing that a person meant for us. */
export const typedOf = (x: Happening, slash: string): Typed | undefined => READ[x.kind](x.body, slash, x.sentAt);

/** Why a mention is no line of a person; undefined = it is one, or none at all. */
export function ignoredIn({ kind, body: { event: e, team_id } }: Happening): (Typed & { why: string }) | undefined {
  if (kind !== 'events_api' || e?.type !== 'app_mention' || isPerson(e)) return undefined;
  const why = e.bot_id === undefined ? 'the message was edited' : 'a bot wrote it';
  const team = e.user_team ?? e.team ?? team_id;
  const line = typedInSlack(e.text ?? '');
  return { user: e.user ?? e.bot_id, team, room: e.channel, line, keys: [], typedAt: 0, why };
}
