import { GithubChecks } from './github-checks-api.ts';
import { liveIn, readIn } from './github-markdown.ts';

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}
interface Comment {
  id: number;
  room: string;
  body: string;
  user: { id: number; type: string };
  created_at: string;
  updated_at: string;
  performed_via_github_app: object | null;
}
interface Deployment {
  id: number;
  repo: string;
  environment: string;
  ref: string;
  payload: unknown;
  asked: Record<string, unknown>;
  states: string[];
}
export interface Call {
  method: string;
  url: URL;
  body: Record<string, unknown>;
  app: number;
}

const LONGEST = 65_536;
/** The account that an app writes with. */
const SELF = 900;

/** Comments, deployments and checks of the repositories of a GitHub on this machine. */
export class GithubRepos {
  readonly comments: Comment[] = [];
  readonly deployments: Deployment[] = [];
  /** Commits by ref. */
  readonly refs = new Map([['HEAD', 'c0ffee0000000000000000000000000000000000']]);
  /** Commits of pull requests by `owner/name#12`. */
  readonly pulls = new Map<string, string>();
  readonly checks = new GithubChecks(() => [...this.refs.values(), ...this.pulls.values()]);
  perPage = 100;
  /** The app has the permission for deployments. */
  mayDeploy = true;
  #count = 0;

  write(c: {
    room: string;
    body: string;
    user: Comment['user'];
    at?: number | undefined;
    via?: object | undefined;
  }): Comment {
    const at = new Date(c.at ?? Date.now()).toISOString();
    const { room, body, user } = c;
    const comment = {
      id: ++this.#count,
      room,
      body,
      user,
      created_at: at,
      updated_at: at,
      performed_via_github_app: c.via ?? null,
    };
    this.comments.push(comment);
    return comment;
  }

  /** Comments of the app, oldest first. */
  cards(room: string): Comment[] {
    return this.comments.filter((c) => c.room === room && c.user.id === SELF);
  }
  shown(room: string): string {
    return readIn(this.cards(room).at(-1)?.body ?? '');
  }
  live(room: string): string[] {
    return this.cards(room).flatMap((c) => liveIn(c.body));
  }

  protected answer(x: Call): Answer {
    const path = x.url.pathname;
    const [, repo, pull] = /^\/repos\/([^/]+\/[^/]+)\/pulls\/(\d+)$/.exec(path) ?? [];
    if (repo !== undefined) return this.#pull(`${repo}#${pull}`);
    if (path.includes('/issues/')) return this.#ofComments(path, x);
    if (path.includes('/check-runs')) return this.checks.answer(x);
    const ref = /\/commits\/(.+)$/.exec(path);
    if (ref !== null) return this.#commit(decodeURIComponent(ref[1] ?? ''));
    return this.#ofDeploys(path, x);
  }

  #ofComments(path: string, x: Call): Answer {
    const issue = /^\/repos\/([^/]+\/[^/]+)\/issues\/(\d+)\/comments$/.exec(path);
    if (issue !== null) return this.#ofIssue(`${issue[1]}#${issue[2]}`, x);
    return this.#edit(Number(/\/issues\/comments\/(\d+)$/.exec(path)?.[1]), x);
  }

  #ofDeploys(path: string, x: Call): Answer {
    const d = /^\/repos\/([^/]+\/[^/]+)\/deployments(?:\/(\d+)\/statuses)?$/.exec(path);
    if (d === null) return { status: 404, body: { message: 'Not Found' } };
    if (!this.mayDeploy) return { status: 403, body: { message: 'Resource not accessible by integration' } };
    return d[2] === undefined ? this.#ofDeployments(d[1] ?? '', x) : this.#ofStatuses(Number(d[2]), x);
  }

  #pull(room: string): Answer {
    const sha = this.pulls.get(room);
    if (sha === undefined) return { status: 404, body: { message: 'Not Found' } };
    return { status: 200, body: { head: { sha } } };
  }

  #ofIssue(room: string, x: Call): Answer {
    if (x.method === 'GET')
      return this.#page(
        this.comments.filter((c) => c.room === room),
        x.url,
      );
    if (String(x.body['body']).length > LONGEST) return { status: 422, body: { message: 'Validation Failed' } };
    const user = { id: SELF, type: 'Bot' };
    return { status: 201, body: this.write({ room, body: String(x.body['body']), user, via: { id: x.app } }) };
  }

  #page(all: readonly Comment[], url: URL): Answer {
    const size = Math.min(this.perPage, Number(url.searchParams.get('per_page') ?? 30));
    const page = Number(url.searchParams.get('page') ?? 1);
    const last = Math.max(1, Math.ceil(all.length / size));
    const to = new URL(url);
    to.searchParams.set('page', String(last));
    const headers = page < last ? { link: `<${to.href}>; rel="last"` } : {};
    return { status: 200, body: all.slice((page - 1) * size, page * size), headers };
  }

  #edit(id: number, x: Call): Answer {
    const at = this.comments.findIndex((c) => c.id === id);
    const old = this.comments[at];
    if (old === undefined) return { status: 404, body: { message: 'Not Found' } };
    if (String(x.body['body']).length > LONGEST) return { status: 422, body: { message: 'Validation Failed' } };
    this.comments[at] = { ...old, body: String(x.body['body']) };
    return { status: 200, body: this.comments[at] };
  }

  #commit(ref: string): Answer {
    const sha = this.refs.get(ref);
    return sha === undefined
      ? { status: 422, body: { message: `No commit found for SHA: ${ref}` } }
      : { status: 200, body: { sha } };
  }

  #ofDeployments(repo: string, x: Call): Answer {
    const { method, body, url } = x;
    if (method === 'GET') {
      const environment = url.searchParams.get('environment');
      return {
        status: 200,
        body: this.deployments.filter((d) => d.repo === repo && d.environment === environment).toReversed(),
      };
    }
    // As GitHub: unless told otherwise it may merge the default branch, and wants every check to be green.
    if (body['auto_merge'] !== false)
      return { status: 202, body: { message: 'Auto-merged main into topic on deployment.' } };
    if (!Array.isArray(body['required_contexts']))
      return { status: 409, body: { message: 'Conflict: Commit status checks failed' } };
    const { environment, ref, payload } = body as { environment: string; ref: string; payload: unknown };
    const made = { id: ++this.#count, repo, environment, ref, payload, asked: body, states: [] };
    this.deployments.push(made);
    return { status: 201, body: made };
  }

  #ofStatuses(id: number, x: Call): Answer {
    const d = this.deployments.find((y) => y.id === id);
    if (d === undefined) return { status: 404, body: { message: 'Not Found' } };
    if (x.method === 'GET') return { status: 200, body: d.states.toReversed().map((state) => ({ state })) };
    d.states.push(String(x.body['state']));
    return { status: 201, body: {} };
  }
}
