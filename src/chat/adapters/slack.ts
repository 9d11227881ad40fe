import { SocketModeClient } from '@slack/socket-mode';
import { LogLevel, WebAPIPlatformError, WebAPIRateLimitedError, WebClient } from '@slack/web-api';
import type { Caller } from '../../commands/index.ts';
import type { CardView } from '../model.ts';
import { ChatFault, type Desk, type MessageRef, type Transport } from '../ports.ts';
import { typedInSlack } from '../view/lines.ts';
import { slackMessage } from '../view/slack.ts';

export interface SlackOptions {
  botToken: string;
  appToken: string;
  /** Workspace that persons must belong to; others share channels as guests. */
  team: string;
  /** Slash command, such as /tw. */
  slash: string;
  /** Base of the API; tests have their own. */
  api?: string;
  /** A line of the log. */
  log: (line: string) => void;
}

/** Fields of an envelope that this transport reads; everything else is left alone. */
interface Body {
  type?: string;
  team_id?: string;
  user_id?: string;
  command?: string;
  text?: string;
  channel_id?: string;
  trigger_id?: string;
  event_id?: string;
  is_enterprise_install?: boolean;
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
interface Envelope {
  ack: (body?: Record<string, unknown>) => Promise<void>;
  type: string;
  envelope_id: string;
  body: Body;
}
interface Typed {
  user: string | undefined;
  team: string | undefined;
  room: string | undefined;
  line: string;
  keys: readonly (string | undefined)[];
  typedAt: number;
}

const seconds = (ts: string | undefined): number | undefined => (ts === undefined ? undefined : Number(ts) * 1000);

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

const READ: Readonly<Record<string, (b: Body, slash: string, now: number) => Typed | undefined>> = {
  slash_commands: slashed,
  events_api: mentioned,
  interactive: pressed,
};

/** What was typed or pressed; undefined = nothing that a person meant for us. */
const typedOf = (x: Envelope, slash: string, now: number): Typed | undefined => READ[x.type]?.(x.body, slash, now);

/** Errors that no second try mends. */
const NEVER = [
  'channel_not_found',
  'is_archived',
  'not_in_channel',
  'restricted_action',
  'invalid_auth',
  'account_inactive',
  'missing_scope',
];
const GONE = ['message_not_found', 'cant_update_message', 'edit_window_closed'];

function faultOf(error: unknown): ChatFault {
  if (error instanceof WebAPIRateLimitedError)
    return new ChatFault('later', 'Slack asks to wait', { afterMs: error.retryAfter * 1000, cause: error });
  if (error instanceof WebAPIPlatformError) {
    const { error: code } = error.data;
    const is = GONE.includes(code) ? 'gone' : NEVER.includes(code) ? 'never' : 'later';
    return new ChatFault(is, `Slack says ${code}`, { cause: error });
  }
  return new ChatFault('later', 'Slack does not answer', { cause: error });
}

const MANY = 100;

/** Slack by Socket Mode: no address of ours needs to be reached from outside. */
class Slack implements Transport {
  readonly name = 'slack';
  /** Posts: one a second and channel; edits: 50 a minute and workspace. */
  readonly gapMs = 1200;
  readonly #o: SlackOptions;
  readonly #web: WebClient;

  constructor(o: SlackOptions) {
    this.#o = o;
    this.#web = new WebClient(o.botToken, {
      ...(o.api === undefined ? {} : { slackApiUrl: o.api }),
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: 10_000,
      logLevel: LogLevel.ERROR,
    });
  }

  /** Kept first, told second: what is not kept comes again. */
  async #take(desk: Desk, x: Envelope): Promise<void> {
    const t = typedOf(x, this.#o.slash, Date.now());
    const { user, room, team } = t ?? {};
    if (t === undefined || user === undefined || room === undefined) return await x.ack();
    if (team !== this.#o.team) {
      this.#o.log(`slack: a person of workspace ${team ?? '?'} was not heard`);
      return await x.ack();
    }
    const caller: Caller = { door: 'slack', identity: { platform: 'slack', tenant: team, actor: user } };
    const keys = t.keys.filter((k) => k !== undefined).map((k) => `slack ${team} ${k}`);
    try {
      const all = [...keys, `slack envelope ${x.envelope_id}`];
      await desk.submit({ keys: all, line: t.line, caller, room, typedAt: t.typedAt });
      await x.ack();
    } catch (error) {
      this.#o.log(`slack: not kept, it comes again: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    const socket = new SocketModeClient({
      appToken: this.#o.appToken,
      logLevel: LogLevel.ERROR,
      clientOptions: this.#o.api === undefined ? {} : { slackApiUrl: this.#o.api },
    });
    socket.on('slack_event', (x: Envelope) => void this.#take(desk, x).catch(() => undefined));
    socket.on('error', (error: Error) => this.#o.log(`slack: ${error.message}`));
    await socket.start();
    await new Promise<void>((go) => {
      if (signal.aborted) go();
      signal.addEventListener('abort', () => go(), { once: true });
    });
    await socket.disconnect();
  }

  async post(room: string, card: CardView): Promise<MessageRef> {
    try {
      const r = await this.#web.chat.postMessage({ channel: room, ...slackMessage(card) } as Parameters<
        WebClient['chat']['postMessage']
      >[0]);
      return r.ts ?? '';
    } catch (error) {
      throw faultOf(error);
    }
  }

  async update(room: string, ref: MessageRef, card: CardView): Promise<void> {
    const { unfurl_links: _, unfurl_media: __, ...message } = slackMessage(card);
    try {
      await this.#web.chat.update({ channel: room, ts: ref, ...message } as Parameters<WebClient['chat']['update']>[0]);
    } catch (error) {
      throw faultOf(error);
    }
  }

  async find(room: string, card: string): Promise<MessageRef | undefined> {
    try {
      const r = await this.#web.conversations.history({ channel: room, limit: MANY, include_all_metadata: true });
      return r.messages?.find((m) => (m.metadata?.event_payload as { card?: string } | undefined)?.card === card)?.ts;
    } catch (error) {
      throw faultOf(error);
    }
  }

  async close(): Promise<void> {}
}

export const slackTransport = (o: SlackOptions): Transport => new Slack(o);
