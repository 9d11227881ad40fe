import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { SlackPosts } from './slack-post.ts';

interface Block {
  type: string;
  text?: { type: string; text: string };
  elements?: readonly {
    text?: { text: string };
    action_id?: string;
    value?: string;
    type?: string;
    elements?: readonly { text: string }[];
  }[];
}
export interface FakeMessage {
  ts: string;
  channel: string;
  text: string;
  blocks: readonly Block[];
  metadata?: unknown;
  /** Pings and links that Slack would have made of it. */
  live: readonly string[];
}

const PINGS = /<!(?:here|channel|everyone)[^>]*>|<@\w+>|<https?:[^>]+>/g;
const BARE = /(?:^|\s)@(?:here|channel|everyone)\b/g;

/** What Slack makes live: markup always where it parses, bare names where `parse` is left to the client. */
function liveIn(body: Record<string, unknown>): string[] {
  const text = (body['text'] as string | undefined) ?? '';
  const parsed = ((body['blocks'] as Block[] | undefined) ?? []).flatMap((b) =>
    b.text?.type === 'mrkdwn' ? [b.text.text] : [],
  );
  const bare = body['parse'] === 'none' ? [] : [...text.matchAll(BARE)].map((m) => m[0]);
  return [...[text, ...parsed].flatMap((t) => [...t.matchAll(PINGS)].map((m) => m[0])), ...bare];
}

/** Everything Slack refuses in blocks that a card could meet. */
function wrongBlocks(blocks: readonly Block[]): boolean {
  const long = (b: Block): boolean =>
    (b.text?.text.length ?? 0) > 3000 ||
    (b.elements ?? []).some(
      (e) =>
        (e.text?.text.length ?? 0) > 75 ||
        (e.value?.length ?? 0) > 2000 ||
        (e.elements ?? []).some((t) => t.text.length > 3000),
    );
  return blocks.length > 50 || blocks.some(long);
}

async function bodyOf(req: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const c of req) chunks.push(c as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (req.headers['content-type']?.includes('json') === true) return JSON.parse(text) as Record<string, unknown>;
  const form = Object.fromEntries(new URLSearchParams(text));
  const parsed = (k: string): unknown => (form[k] === undefined ? undefined : JSON.parse(form[k]));
  return { ...form, blocks: parsed('blocks'), metadata: parsed('metadata') };
}

/** A Slack of one workspace on this machine: Web API with limits, Socket Mode that disconnects, or signed posts. */
export class SlackServer {
  readonly messages: FakeMessage[] = [];
  /** Envelopes that were acknowledged. */
  readonly acked = new Set<string>();
  connections = 0;
  /** Answers every call with this until it is unset. */
  broken: 'limited' | 'down' | 'archived' | undefined;
  /** What an opening of a connection is answered. */
  refuses: 'invalid_auth' | 'down' | undefined;
  /** What persons type is posted by this instead of sent over a connection. */
  posts: SlackPosts | undefined;
  #clock = 1_700_000_000;
  #count = 0;
  #sockets = new Set<WebSocket>();
  #http: Server = createServer((req, res) => void this.#serve(req, res));
  #ws = new WebSocketServer({ server: this.#http });

  async start(): Promise<string> {
    await new Promise<void>((go) => this.#http.listen(0, '127.0.0.1', go));
    this.#ws.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('message', (data: Buffer) => {
        const { envelope_id: id } = JSON.parse(data.toString()) as { envelope_id?: string };
        if (id !== undefined) this.acked.add(id);
      });
      socket.send(JSON.stringify({ type: 'hello', num_connections: this.#sockets.size }));
    });
    return `${this.#url('http')}/api/`;
  }

  #url(scheme: string): string {
    return `${scheme}://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const method = (req.url ?? '').replace('/api/', '');
    const body = await bodyOf(req);
    if (method === 'apps.connections.open' && this.refuses === 'down') return answer(res, 500, {});
    if (method === 'apps.connections.open' && this.refuses !== undefined)
      return answer(res, 200, { ok: false, error: this.refuses });
    if (method === 'apps.connections.open') return answer(res, 200, { ok: true, url: this.#url('ws') });
    if (this.broken === 'down') return answer(res, 503, {});
    if (this.broken === 'limited') return answer(res, 429, { ok: false, error: 'ratelimited' }, { 'retry-after': '1' });
    if (this.broken === 'archived') return answer(res, 200, { ok: false, error: 'is_archived' });
    answer(res, 200, this.#call(method, body));
  }

  #call(method: string, body: Record<string, unknown>): object {
    const channel = String(body['channel']);
    if (method === 'auth.test') return { ok: true, team_id: 'T1', user_id: 'UBOT' };
    if (method === 'conversations.history')
      return { ok: true, messages: this.messages.filter((m) => m.channel === channel).toReversed() };
    const blocks = (body['blocks'] as Block[] | undefined) ?? [];
    if (wrongBlocks(blocks)) return { ok: false, error: 'invalid_blocks' };
    const message = { channel, text: String(body['text']), blocks, metadata: body['metadata'], live: liveIn(body) };
    if (method === 'chat.postMessage') {
      const ts = `${++this.#clock}.${String(++this.#count).padStart(6, '0')}`;
      this.messages.push({ ...message, ts });
      return { ok: true, channel, ts };
    }
    const at = this.messages.findIndex((m) => m.ts === body['ts'] && m.channel === channel);
    if (at < 0) return { ok: false, error: 'message_not_found' };
    this.messages[at] = { ...message, ts: String(body['ts']) };
    return { ok: true, channel, ts: body['ts'] };
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Sends an envelope to one connection; the same payload again is a retry with an envelope of its own. */
  send(type: string, payload: object): string {
    const id = `e${++this.#count}`;
    if (this.posts !== undefined) {
      void this.posts.post(id, type, payload);
      return id;
    }
    const [socket] = [...this.#sockets];
    socket?.send(JSON.stringify({ type, envelope_id: id, payload, accepts_response_payload: false }));
    return id;
  }

  slash(user: string, channel: string, text: string, o: { team?: string; trigger?: string } = {}): string {
    return this.send('slash_commands', {
      command: '/tw',
      text,
      user_id: user,
      team_id: o.team ?? 'T1',
      channel_id: channel,
      trigger_id: o.trigger ?? `t${++this.#count}`,
    });
  }

  mention(user: string, channel: string, text: string, o: object = {}): string {
    const event = {
      type: 'app_mention',
      user,
      team: 'T1',
      text: `<@UBOT> ${text}`,
      channel,
      ts: String(Date.now() / 1000),
      ...o,
    };
    return this.send('events_api', { type: 'event_callback', team_id: 'T1', event_id: `Ev${++this.#count}`, event });
  }

  /** Presses a button of the newest message of a channel. */
  press(user: string, channel: string, label: string, o: { team?: string } = {}): string {
    const buttons = this.messages
      .filter((m) => m.channel === channel)
      .flatMap((m) => m.blocks.flatMap((b) => b.elements ?? []));
    const b = buttons.findLast((e) => e.type === 'button' && e.text?.text === label);
    if (b === undefined) throw new Error(`no button "${label}"`);
    return this.send('interactive', {
      type: 'block_actions',
      user: { id: user, team_id: o.team ?? 'T1' },
      channel: { id: channel },
      trigger_id: `t${++this.#count}`,
      actions: [{ action_id: b.action_id, value: b.value, action_ts: String(Date.now() / 1000) }],
    });
  }

  /** Slack takes its connections down from time to time. */
  refresh(): void {
    for (const s of this.#sockets) s.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }));
  }

  /** It takes down the oldest one. */
  renew(): void {
    [...this.#sockets][0]?.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }));
  }

  /** All words of the newest message of a channel. */
  shown(channel: string): string {
    const m = this.messages.findLast((x) => x.channel === channel);
    return (m?.blocks ?? [])
      .flatMap((b) => (b.elements ?? []).flatMap((e) => [...(e.elements ?? []).map((t) => t.text), e.text?.text ?? '']))
      .join('\n');
  }

  async stop(): Promise<void> {
    for (const s of this.#sockets) s.terminate();
    this.#ws.close();
    this.#http.closeAllConnections();
    await new Promise<void>((go) => this.#http.close(() => go()));
  }
}

function answer(res: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(body));
}
