import type { Octokit } from '@octokit/core';
import type { CardCheck, CardView } from '../model.ts';
import { githubFault } from './github-client.ts';
import type { Place } from './github-comments.ts';

interface Repo {
  owner: string;
  repo: string;
}
export type Conclusion = Exclude<CardCheck['state'], 'in_progress'>;

/** One check of one commit. */
export interface Check {
  sha: string;
  name: string;
  /** What it is about: with the same one it is the same check, also for another process. */
  external: string;
  /** Id of our app; undefined: we are a job of a workflow. */
  app: number | undefined;
  state: 'in_progress' | Conclusion;
  title: string;
  /** Markdown. */
  summary: string;
  /** Where its details stand; undefined: GitHub shows the page of the app. */
  details: string | undefined;
}

/** Longest summary that GitHub takes, in characters. */
const LONGEST = 65_535;

const fieldsOf = (c: Check) => ({
  name: c.name,
  external_id: c.external,
  ...(c.details === undefined ? {} : { details_url: c.details }),
  ...(c.state === 'in_progress'
    ? { status: 'in_progress' as const }
    : { status: 'completed' as const, conclusion: c.state }),
  output: { title: c.title, summary: c.summary.slice(0, LONGEST) },
});

/** A check as GitHub has it. */
interface Known {
  id: number;
  open: boolean;
}

/** The newest check on the commit that is about the same thing; of our own app, where we know which that is. */
async function findCheck(web: Octokit, at: Repo, c: Check): Promise<Known | undefined> {
  const { data } = await web.request('GET /repos/{owner}/{repo}/commits/{ref}/check-runs', {
    ...at,
    ...{ ref: c.sha, check_name: c.name, filter: 'all', per_page: 100 },
    ...(c.app === undefined ? {} : { app_id: c.app }),
  });
  const mine = data.check_runs.filter((r) => r.external_id === c.external);
  const last = mine.toSorted((a, b) => Number(a.id) - Number(b.id)).at(-1);
  return last === undefined ? undefined : { id: Number(last.id), open: last.status !== 'completed' };
}

/** Shows a check: the one that is there is edited, by whatever process it was made; one that ended is not begun again. */
export async function keepCheck(web: Octokit, at: Repo, c: Check, known?: Known): Promise<Known> {
  const open = c.state === 'in_progress';
  const found = known ?? (await findCheck(web, at, c));
  const id = found === undefined || (open && !found.open) ? undefined : found.id;
  if (id === undefined) {
    const made = await web.request('POST /repos/{owner}/{repo}/check-runs', {
      ...at,
      ...{ ...fieldsOf(c), head_sha: c.sha },
    });
    return { id: Number(made.data.id), open };
  }
  await web.request('PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}', {
    ...at,
    ...{ ...fieldsOf(c), check_run_id: id },
  });
  return { id, open };
}

interface ChecksDeps {
  web: Octokit;
  app: number | undefined;
  fleet: string;
  log: (line: string) => void;
  /** Address behind a check; undefined: there is none that others reach. */
  details: () => string | undefined;
}

/**
 * The check of a release, on the commit that carries its version as a tag; where none does, on the head of the pull
 * request in which the release was asked for. What GitHub will never take is logged once; what it does not take now is
 * thrown, so that the card is written again and the check with it.
 */
export class Checks {
  readonly #deps: ChecksDeps;
  readonly #known = new Map<string, Known & { said: string }>();
  readonly #commits = new Map<string, string | undefined>();
  #refused = false;

  constructor(deps: ChecksDeps) {
    this.#deps = deps;
  }

  /** Throws ChatFault `later`. */
  async show(place: Place, card: CardView, summary: string): Promise<void> {
    const { check } = card;
    if (check === undefined || this.#refused) return;
    try {
      await this.#show(place, check, summary);
    } catch (error) {
      const fault = githubFault(error, 'never', Date.now());
      if (fault.is === 'later') throw fault;
      this.#refused = (error as { status?: number }).status === 403;
      this.#deps.log(`github: a check is not shown: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #show({ owner, repo, issue_number }: Place, check: CardCheck, summary: string): Promise<void> {
    const { fleet, app, web, details } = this.#deps;
    const external = `${fleet} ${check.app} ${check.of}`;
    const key = `${owner}/${repo} ${external}`;
    const said = JSON.stringify([check, summary]);
    const known = this.#known.get(key);
    if (known?.said === said) return;
    if (!this.#commits.has(key)) {
      const x = { version: check.version, pull_number: issue_number };
      this.#commits.set(key, await this.#commit({ owner, repo }, x));
    }
    const sha = this.#commits.get(key);
    if (sha === undefined) return;
    const kept = await keepCheck(
      web,
      { owner, repo },
      {
        ...{ sha, external, app, summary, state: check.state },
        name: `${fleet}: release ${check.app}`,
        title: `${check.app}@${check.version} ${check.say}`,
        details: details(),
      },
      known,
    );
    this.#known.set(key, { ...kept, said });
  }

  async #commit(at: Repo, x: { version: string; pull_number: number }): Promise<string | undefined> {
    const { web } = this.#deps;
    const missing = (error: unknown): undefined => {
      if ([404, 409, 422].includes((error as { status?: number }).status ?? 0)) return undefined;
      throw error;
    };
    const tagged = web.request('GET /repos/{owner}/{repo}/commits/{ref}', { ...at, ref: `tags/${x.version}` });
    const sha = await tagged.then((r) => r.data.sha, missing);
    if (sha !== undefined) return sha;
    const pull = web.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', { ...at, pull_number: x.pull_number });
    return await pull.then((r) => r.data.head.sha, missing);
  }
}
