import { LogLevel, WebAPIPlatformError, WebAPIRateLimitedError, WebClient } from '@slack/web-api';
import type { Caller, Inbound } from '../../commands/index.ts';
import type { CardView } from '../model.ts';
import { ChatFault, type Desk, type MessageRef, type RawRequest, type RawResponse, type Transport } from '../ports.ts';
import { slackMessage } from '../view/slack.ts';
import { type Happening, ignoredIn, type Typed, typedOf } from './slack-event.ts';
import { bySlack } from './slack-http.ts';

export interface SlackOptions {
  botToken: string;
  /** Socket Mode: Slack is asked for what was typed. */
  appToken?: string | undefined;
  /** HTTP: Slack posts it to our hook, signed with one of these. Without both nothing is heard. */
  signingSecrets?: readonly string[] | undefined;
  /** Between the two connections of Socket Mode. Milliseconds. */
  staggerMs?: number;
  /** Workspace that persons must belong to; others share channels as guests. */
  team: string;
  /** Slash command, such as /tw. */
  slash: string;
  /** Base of the API; tests have their own. */
  api?: string;
  /** A line of the log. */
  log: (line: string) => void;
}

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

/** Slack renews a connection within some 12 s; the other one is heard meanwhile. */
const STAGGER_MS = 15_000;

/** Ids that Slack repeats with a copy. */
const keysOf = (x: Happening, t: Typed): string[] =>
  [...t.keys, x.key].filter((k) => k !== undefined).map((k) => `slack ${t.team} ${k}`);

/** Slack: lines come by Socket Mode or over HTTP, cards go by the Web API. */
class Slack implements Transport {
  readonly name = 'slack';
  /** Posts: one a second and channel; edits: 50 a minute and workspace. */
  readonly gapMs = 1200;
  readonly #o: SlackOptions;
  readonly #web: WebClient;
  #desk: Desk | undefined;

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

  /** Kept first, told second: false = not kept, it may come again. */
  async #take(desk: Desk, x: Happening): Promise<boolean> {
    const odd = ignoredIn(x);
    const t = odd ?? typedOf(x, this.#o.slash);
    const { user, room, team = '' }: Partial<Typed> = t ?? {};
    if (t === undefined || user === undefined || room === undefined) return true;
    const caller: Caller = { door: 'slack', identity: { platform: 'slack', tenant: team, actor: user } };
    const why = team === this.#o.team ? odd?.why : 'a person of another workspace wrote it';
    if (why === undefined)
      return await this.#submit(desk, { keys: keysOf(x, t), caller, room, line: t.line, typedAt: t.typedAt });
    desk.ignored({ caller, room, line: t.line, why });
    return true;
  }

  async #submit(desk: Desk, i: Inbound): Promise<boolean> {
    try {
      await desk.submit(i);
      return true;
    } catch (error) {
      this.#o.log(`slack: not kept, it comes again: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** A token that Slack refuses is told now; a Slack that does not answer is waited for by the outbox. */
  async #checkToken(): Promise<void> {
    try {
      await this.#web.auth.test();
    } catch (error) {
      const f = faultOf(error);
      if (f.is === 'never') throw f;
    }
  }

  async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    const { appToken, api, log, staggerMs = STAGGER_MS } = this.#o;
    if (appToken !== undefined) {
      const { bySocket } = await import('./slack-socket.ts');
      return await bySocket({ appToken, api, log, staggerMs }, (x) => this.#take(desk, x), signal);
    }
    await this.#checkToken();
    this.#desk = desk;
    await new Promise<void>((go) => {
      if (signal.aborted) go();
      signal.addEventListener('abort', () => go(), { once: true });
    });
    this.#desk = undefined;
  }

  async hook(r: RawRequest): Promise<RawResponse> {
    const { signingSecrets: secrets } = this.#o;
    const desk = this.#desk;
    if (secrets === undefined || desk === undefined) return { status: 503 };
    return await bySlack(r, { secrets, now: Date.now(), take: (x) => this.#take(desk, x) });
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
