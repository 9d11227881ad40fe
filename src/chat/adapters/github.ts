import { verifyWithFallback } from '@octokit/webhooks-methods';
import type { Caller } from '../../commands/index.ts';
import type { CardView } from '../model.ts';
import type { Desk, MessageRef, RawRequest, RawResponse, Transport } from '../ports.ts';
import { cardMarker, githubBody, githubMessage } from '../view/github.ts';
import { Checks } from './github-checks.ts';
import { type GithubAccount, githubClient, githubFault } from './github-client.ts';
import { addComment, editComment, findComment, type Place, placeOf } from './github-comments.ts';
import { Deployments } from './github-deployments.ts';
import { type CommentEvent, githubTenant, ignoredInComment, type Typed, typedInComment } from './github-event.ts';
import { missedDeliveries } from './github-missed.ts';

export interface GithubOptions {
  account: GithubAccount;
  /** `owner/name`, the only ones that are heard. */
  repositories: readonly string[];
  /** Command word of a comment, such as /tw. */
  slash: string;
  /** Base of the API; tests and GitHub Enterprise have their own. */
  api: string;
  /** The one in use, then those that are still accepted while it is changed. */
  webhookSecrets: readonly string[];
  /** Its clusters are environments of the repository; a check says its name. */
  fleet: string;
  /** How a release is shown beside its comment. */
  deployments: boolean;
  checks: boolean;
  /** Address behind a check; undefined: there is none that others reach. */
  details: () => string | undefined;
  paced: boolean;
  log: (line: string) => void;
}

const AGAIN_MS = 5 * 60_000;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((go) => {
    if (signal.aborted) return go();
    const timer = setTimeout(go, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      go();
    });
  });

/** GitHub: comments on issues and pull requests come by webhook, cards are comments. */
class Github implements Transport {
  readonly name = 'github';
  /** Content may be made 80 times a minute; the client spaces new comments further. */
  readonly gapMs = 1000;
  readonly cardGapMs = 15_000;
  readonly #o: GithubOptions;
  readonly #tenant: string;
  readonly #web: ReturnType<typeof githubClient>;
  readonly #deployments: Deployments | undefined;
  readonly #checks: Checks | undefined;
  readonly #heard: ReadonlySet<string>;
  readonly #answered = new Set<string>();
  #desk: Desk | undefined;

  constructor(o: GithubOptions) {
    this.#o = o;
    this.#tenant = githubTenant(o.api);
    this.#web = githubClient(o);
    this.#heard = new Set(o.repositories.map((r) => r.toLowerCase()));
    const { fleet, log, account, details } = o;
    const web = this.#web;
    const app = 'app' in account ? account.app : undefined;
    this.#deployments = o.deployments ? new Deployments({ web, fleet, log }) : undefined;
    this.#checks = o.checks ? new Checks({ web, app, fleet, log, details }) : undefined;
  }

  async hook(r: RawRequest): Promise<RawResponse> {
    const desk = this.#desk;
    if (desk === undefined) return { status: 503 };
    if (!(await isSigned(r, this.#o.webhookSecrets))) return { status: 401 };
    const delivery = r.headers['x-github-delivery'];
    if (delivery === undefined) return { status: 400 };
    if (r.headers['x-github-event'] !== 'issue_comment') return { status: 202 };
    const event = parsed(r.body);
    if (event === undefined) {
      this.#o.log('github: a comment is no JSON; the content type of the webhook must be application/json');
      return { status: 400 };
    }
    try {
      await this.take(desk, event, { delivery });
      return { status: 202 };
    } catch (error) {
      this.#o.log(`github: not kept: ${error instanceof Error ? error.message : String(error)}`);
      return { status: 503 };
    }
  }

  /** Hands over what a person typed, if it is for us. Throws what the desk throws: then it was not kept. */
  async take(desk: Desk, event: CommentEvent, x: { delivery?: string; missed?: true }): Promise<boolean> {
    const typed = typedInComment(event, this.#o.slash);
    if (typed === undefined) {
      const { actor = '', ...said } = ignoredInComment(event, this.#o.slash) ?? {};
      if ('why' in said) desk.ignored({ ...said, caller: this.#callerOf(actor) });
      return false;
    }
    const caller = this.#callerOf(typed.actor);
    const { line, room, typedAt } = typed;
    if (!this.#serves(event, typed)) {
      this.#o.log(`github: a comment in ${room} was not heard; the config does not name it`);
      desk.ignored({ caller, room, line, why: 'the config does not name the repository' });
      return false;
    }
    const tenant = this.#tenant;
    const key = (what: string): string => `github ${tenant} ${what}`;
    const keys = [
      key(`comment ${typed.comment}`),
      ...(x.delivery === undefined ? [] : [key(`delivery ${x.delivery}`)]),
    ];
    await desk.submit({ keys, line, caller, room, typedAt, ...(x.missed === undefined ? {} : { missed: x.missed }) });
    return true;
  }

  #callerOf(actor: string): Caller {
    return { door: 'github', identity: { platform: 'github', tenant: this.#tenant, actor } };
  }

  #serves(e: CommentEvent, t: Typed): boolean {
    const { account } = this.#o;
    const ours = 'token' in account || e.installation?.id === account.installation;
    return ours && this.#heard.has(t.repository);
  }

  async listen(desk: Desk, signal: AbortSignal): Promise<void> {
    this.#desk = desk;
    try {
      while (!signal.aborted) {
        await this.#tellMissed(desk);
        await pause(AGAIN_MS, signal);
      }
    } finally {
      this.#desk = undefined;
    }
  }

  /** What GitHub could not deliver is never run: whoever typed it is told. Throws when GitHub refuses the account. */
  async #tellMissed(desk: Desk): Promise<void> {
    try {
      for (const { guid, event } of await missedDeliveries(this.#web, this.#answered)) {
        await this.take(desk, event, { delivery: guid, missed: true });
        this.#answered.add(guid);
      }
    } catch (error) {
      const { status } = error as { status?: number };
      if (status === 401 || status === 404) throw new Error(`GitHub refuses the app (${status})`, { cause: error });
      this.#o.log(`github: missed comments are not known: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async post(room: string, card: CardView): Promise<MessageRef> {
    const place = placeOf(room);
    try {
      const id = await addComment(this.#web, place, githubMessage(card, this.#o.slash));
      await this.#beside(place, card);
      return String(id);
    } catch (error) {
      throw githubFault(error, 'never', Date.now());
    }
  }

  async update(room: string, ref: MessageRef, card: CardView): Promise<void> {
    const place = placeOf(room);
    try {
      await editComment(this.#web, place, Number(ref), githubMessage(card, this.#o.slash));
      await this.#beside(place, card);
    } catch (error) {
      throw githubFault(error, 'gone', Date.now());
    }
  }

  /** A release is deployments too, and a check of its commit. Throws ChatFault `later`: the card is then written again. */
  async #beside(place: Place, card: CardView): Promise<void> {
    this.#deployments?.want(place, card);
    await this.#checks?.show(place, card, githubBody(card, this.#o.slash));
  }

  async find(room: string, card: string): Promise<MessageRef | undefined> {
    const place = placeOf(room);
    try {
      const id = await findComment(this.#web, place, cardMarker(card));
      return id === undefined ? undefined : String(id);
    } catch (error) {
      throw githubFault(error, 'never', Date.now());
    }
  }

  async close(): Promise<void> {
    await this.#deployments?.settled();
  }
}

async function isSigned(r: RawRequest, secrets: readonly string[]): Promise<boolean> {
  const [secret, ...older] = secrets.filter((s) => s !== '');
  const signature = r.headers['x-hub-signature-256'] ?? '';
  if (secret === undefined || r.body === '' || signature === '') return false;
  return await verifyWithFallback(secret, r.body, signature, older);
}

function parsed(body: string): CommentEvent | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export const githubTransport = (o: GithubOptions): Github => new Github(o);
