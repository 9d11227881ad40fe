import { generateKeyPairSync, randomUUID, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sign } from '@octokit/webhooks-methods';
import type { RawRequest, RawResponse } from '../ports.ts';
import { type Answer, GithubRepos } from './github-repos.ts';

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });

export interface Writer {
  id: number;
  type?: 'User' | 'Bot' | 'Organization';
}
interface Delivery {
  id: string;
  guid: string;
  event: string;
  action: string;
  status_code: number;
  headers: Record<string, string>;
  body: string;
}
/** What makes a comment another one than a plain comment of a person. */
export interface CommentMore {
  action?: 'created' | 'edited' | 'deleted';
  /** The app that posted in the name of a person. */
  via?: object;
  /** Whose comment it is, where that is not who acted. */
  author?: number;
  installation?: number;
  secret?: string;
  event?: string;
  at?: number;
}

const LIMITS: Readonly<Record<string, Answer>> = {
  secondary: {
    status: 403,
    body: { message: 'You have exceeded a secondary rate limit.' },
    headers: { 'retry-after': '1' },
  },
  limited: { status: 429, body: { message: 'Too many requests' }, headers: { 'retry-after': '1' } },
  down: { status: 502, body: {} },
  forbidden: { status: 403, body: { message: 'Resource not accessible by integration' } },
};

/** A GitHub of one app on this machine: its API with limits, webhooks that are signed and kept, and can come again. */
export class GithubServer extends GithubRepos {
  readonly privateKey = KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  readonly app = 77;
  readonly installation = 4711;
  readonly secret = 'webhook-secret';
  readonly deliveries: Delivery[] = [];
  /** Answers every call of the API with this until it is unset. */
  broken: keyof typeof LIMITS | undefined;
  /** Where webhooks go: an address, or the hook itself. */
  target: string | ((r: RawRequest) => Promise<RawResponse>) = async () => ({ status: 503 });
  #token = '';
  /** As large as GitHub's are: a number that JSON.parse would round. */
  #ids = 2n ** 53n;
  #http: Server = createServer((req, res) => void this.#serve(req, res));

  async start(): Promise<string> {
    await new Promise<void>((go) => this.#http.listen(0, '127.0.0.1', go));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise<void>((go) => this.#http.close(() => go()));
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const c of req) chunks.push(c as Buffer);
    const text = Buffer.concat(chunks).toString();
    const url = new URL(req.url ?? '', 'http://github.test');
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    const a = this.#answer({ method: req.method ?? '', url, body, auth: req.headers.authorization ?? '' });
    res.writeHead(a.status, { 'content-type': 'application/json', ...a.headers });
    res.end(JSON.stringify(a.body).replace(/"big:(\d+)"/g, '$1'));
  }

  #answer(x: { method: string; url: URL; body: Record<string, unknown>; auth: string }): Answer {
    const { url } = x;
    if (url.pathname.startsWith('/app/')) return this.#isApp(x.auth) ? this.#ofApp(url) : { status: 401, body: {} };
    const limit = LIMITS[this.broken ?? ''];
    if (limit !== undefined) return limit;
    if (!/^(token|Bearer) /i.test(x.auth) || !x.auth.endsWith(` ${this.#token}`)) return { status: 401, body: {} };
    return this.answer({ ...x, app: this.app });
  }

  /** A token that workflows get. */
  workflowToken(): string {
    this.#token = 'ghs_workflow';
    return this.#token;
  }

  #isApp(auth: string): boolean {
    const [head = '', claims = '', signature = ''] = auth.replace(/^bearer /i, '').split('.');
    if (!verify('sha256', Buffer.from(`${head}.${claims}`), KEYS.publicKey, Buffer.from(signature, 'base64url')))
      return false;
    const { iss, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iss: number; exp: number };
    return Number(iss) === this.app && exp * 1000 > Date.now();
  }

  #ofApp(url: URL): Answer {
    if (url.pathname === `/app/installations/${this.installation}/access_tokens`) {
      this.#token = `ghs_${randomUUID()}`;
      const expires_at = new Date(Date.now() + 3_600_000).toISOString();
      return { status: 201, body: { token: this.#token, expires_at, permissions: {}, repository_selection: 'all' } };
    }
    const one = /^\/app\/hook\/deliveries\/(\d+)$/.exec(url.pathname);
    if (one !== null) {
      const d = this.deliveries.find((x) => x.id === `big:${one[1]}`);
      if (d === undefined) return { status: 404, body: {} };
      return { status: 200, body: { ...d, request: { headers: d.headers, payload: JSON.parse(d.body) as object } } };
    }
    if (url.pathname !== '/app/hook/deliveries') return { status: 404, body: {} };
    const all = this.deliveries.toReversed();
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const page = all.slice(from, from + 2);
    const next = from + 2 < all.length ? { link: `<${url.href}&cursor=${from + 2}>; rel="next"` } : {};
    return { status: 200, body: page, headers: next };
  }

  async #deliver(d: Omit<Delivery, 'id' | 'status_code'>): Promise<Delivery> {
    const post = async (to: string): Promise<number> => {
      const r = await fetch(to, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...d.headers },
        body: d.body,
      });
      return r.status;
    };
    const headers = Object.fromEntries(Object.entries(d.headers).map(([k, v]) => [k.toLowerCase(), v]));
    const { target } = this;
    const status = typeof target === 'string' ? post(target) : target({ headers, body: d.body }).then((r) => r.status);
    const done = { ...d, id: `big:${++this.#ids}`, status_code: await status.catch(() => 0) };
    this.deliveries.push(done);
    return done;
  }

  /** Somebody comments; the webhook is posted and its answer is kept. */
  async comment(who: Writer, room: string, body: string, more: CommentMore = {}): Promise<Delivery> {
    const comment = this.write({
      room,
      body,
      user: { id: more.author ?? who.id, type: who.type ?? 'User' },
      at: more.at,
      via: more.via,
    });
    const [repository = '', issue = '0'] = room.split('#');
    const payload = {
      action: more.action ?? 'created',
      issue: { number: Number(issue), title: 'A change', pull_request: {} },
      comment: { ...comment, author_association: 'NONE' },
      repository: { full_name: repository },
      sender: { id: who.id, type: who.type ?? 'User' },
      installation: { id: more.installation ?? this.installation },
    };
    return await this.post(more.event ?? 'issue_comment', payload, more.secret);
  }

  async post(event: string, payload: object, secret = this.secret): Promise<Delivery> {
    const body = JSON.stringify(payload);
    const guid = randomUUID();
    const headers = {
      'X-GitHub-Delivery': guid,
      'X-GitHub-Event': event,
      'X-Hub-Signature-256': await sign(secret, body),
    };
    return await this.#deliver({
      guid,
      event,
      action: String((payload as { action?: string }).action ?? ''),
      headers,
      body,
    });
  }

  /** The same bytes, signature and delivery id once more, as GitHub does when somebody asks for it. */
  async redeliver(d: Delivery): Promise<Delivery> {
    const { guid, event, action, headers, body } = d;
    return await this.#deliver({ guid, event, action, headers, body });
  }
}
