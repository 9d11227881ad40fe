import type { Answer, Call } from './github-repos.ts';

interface Output {
  title: string;
  summary: string;
}
export interface CheckRun {
  id: number;
  repo: string;
  /** Id of the app that made it. */
  app: number;
  name: string;
  head_sha: string;
  external_id: string;
  details_url: string;
  status: string;
  conclusion: string | null;
  output: Output;
}

const STATUSES = ['queued', 'in_progress', 'completed'];
const CONCLUSIONS = ['action_required', 'cancelled', 'failure', 'neutral', 'skipped', 'success', 'timed_out'];
const LONGEST = 65_535;

const invalid = (what: string): Answer => ({
  status: 422,
  body: { message: `Invalid request.\n\n${what}`, documentation_url: 'https://docs.github.com/rest/checks/runs' },
});

function wrongOutput(output: unknown): string | undefined {
  if (output === undefined) return undefined;
  const { title, summary } = output as Partial<Output>;
  if (typeof title !== 'string' || title === '') return "title wasn't supplied.";
  if (typeof summary !== 'string' || summary === '') return "summary wasn't supplied.";
  return summary.length > LONGEST ? 'summary is too long' : undefined;
}

/** What is wrong with the fields of a check, as GitHub says it. */
function wrongIn(b: Record<string, unknown>): string | undefined {
  const { status, conclusion, details_url = 'https:' } = b as Record<string, string | undefined>;
  if (status !== undefined && !STATUSES.includes(status)) return `${status} is not a member of status`;
  if (conclusion !== undefined && !CONCLUSIONS.includes(conclusion))
    return `${conclusion} is not a member of conclusion`;
  if (status === 'completed' && conclusion === undefined) return 'conclusion is needed when status is completed';
  if (!/^https?:/.test(details_url)) return 'details_url must use http or https';
  return wrongOutput(b['output']);
}

/** The checks of commits: made and edited by an app that may, only by the one that made them. */
export class GithubChecks {
  readonly all: CheckRun[] = [];
  /** The app has the permission for checks. */
  may = true;
  /** Answers so many writes with 502: they are done, or they are not. */
  lost = 0;
  down = 0;
  readonly #commits: () => readonly string[];
  #count = 9000;

  constructor(commits: () => readonly string[]) {
    this.#commits = commits;
  }

  /** Made by another app. */
  forge(c: Partial<CheckRun>): CheckRun {
    const output = { title: 't', summary: 's' };
    const base = { repo: 'acme/shop', app: 5, name: '', head_sha: '', external_id: '', details_url: '' };
    const made = { ...base, id: ++this.#count, status: 'in_progress', conclusion: null, output, ...c };
    this.all.push(made);
    return made;
  }

  answer(x: Call): Answer {
    if (!this.may) return { status: 403, body: { message: 'Resource not accessible by integration' } };
    const path = x.url.pathname;
    const [, repo = ''] = /^\/repos\/([^/]+\/[^/]+)\//.exec(path) ?? [];
    const [, sha] = /\/commits\/([^/]+)\/check-runs$/.exec(path) ?? [];
    if (sha !== undefined) return this.#list(repo, sha, x.url);
    if (this.down-- > 0) return { status: 502, body: {} };
    const done = this.#put(repo, /\/check-runs\/(\d+)$/.exec(path)?.[1], x);
    return done.status < 300 && this.lost-- > 0 ? { status: 502, body: {} } : done;
  }

  #put(repo: string, id: string | undefined, x: Call): Answer {
    const wrong = wrongIn(x.body);
    if (wrong !== undefined) return invalid(wrong);
    return id === undefined ? this.#make(repo, x) : this.#edit(Number(id), x);
  }

  #list(repo: string, sha: string, url: URL): Answer {
    const { name, app, filter } = {
      name: url.searchParams.get('check_name'),
      app: url.searchParams.get('app_id'),
      filter: url.searchParams.get('filter') ?? 'latest',
    };
    if (!this.#commits().includes(sha)) return invalid(`No commit found for SHA: ${sha}`);
    const found = this.all.filter(
      (c) =>
        c.repo === repo &&
        c.head_sha === sha &&
        (name === null || c.name === name) &&
        (app === null || String(c.app) === app),
    );
    const runs = filter === 'all' ? found.toReversed() : found.slice(-1);
    return { status: 200, body: { total_count: runs.length, check_runs: runs } };
  }

  #make(repo: string, { body, app }: Call): Answer {
    const { name, head_sha, status = 'queued', conclusion = null, external_id = '', details_url = '' } = body;
    if (name === undefined || name === '') return invalid("name wasn't supplied.");
    if (!this.#commits().includes(String(head_sha))) return invalid(`No commit found for SHA: ${String(head_sha)}`);
    const made = this.forge({ repo, app, name, head_sha, status, conclusion, external_id, details_url } as CheckRun);
    this.#write(made.id, body);
    return { status: 201, body: made };
  }

  #edit(id: number, { body, app }: Call): Answer {
    const old = this.all.find((c) => c.id === id);
    if (old === undefined) return { status: 404, body: { message: 'Not Found' } };
    if (old.app !== app) return { status: 403, body: { message: "Invalid app_id: it is another app's check run" } };
    return { status: 200, body: this.#write(id, body) };
  }

  #write(id: number, body: Record<string, unknown>): CheckRun | undefined {
    const at = this.all.findIndex((c) => c.id === id);
    const old = this.all[at];
    if (old === undefined) return undefined;
    const { head_sha: _, ...fields } = body as Partial<CheckRun>;
    this.all[at] = { ...old, ...fields };
    return this.all[at];
  }
}
