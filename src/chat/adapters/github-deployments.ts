import type { Octokit } from '@octokit/core';
import type { CardRelease, CardView } from '../model.ts';

type State = CardRelease['clusters'][number]['state'];

interface Repo {
  owner: string;
  repo: string;
}
type Id = number | bigint;
interface Known {
  id: Id;
  state: State | undefined;
}

interface DeploymentDeps {
  web: Octokit;
  /** First part of the names of environments. */
  fleet: string;
  log: (line: string) => void;
}

const isMissing = (error: unknown): boolean => [404, 409, 422].includes((error as { status?: number }).status ?? 0);

/**
 * One deployment a cluster of a release, in the environment `fleet/cluster`, with its newest state. It only shows:
 * what cannot be written is logged, and nothing waits for it.
 */
export class Deployments {
  readonly #deps: DeploymentDeps;
  readonly #known = new Map<string, Known>();
  readonly #wanted = new Map<string, { repo: Repo; release: CardRelease }>();
  #work: Promise<void> | undefined;
  #refused = false;

  constructor(deps: DeploymentDeps) {
    this.#deps = deps;
  }

  want({ owner, repo }: Repo, card: CardView): void {
    const { release } = card;
    if (release === undefined || this.#refused) return;
    this.#wanted.set(`${owner}/${repo} ${release.id}`, { repo: { owner, repo }, release });
    this.#begin();
  }

  #begin(): void {
    if (this.#work !== undefined || this.#wanted.size === 0) return;
    this.#work = this.#all().then(() => {
      this.#work = undefined;
      this.#begin();
    });
  }

  /** What is owed has been written, or given up. */
  async settled(): Promise<void> {
    while (this.#work !== undefined) await this.#work;
  }

  async #all(): Promise<void> {
    for (let [next] = this.#wanted; next !== undefined; [next] = this.#wanted) {
      this.#wanted.delete(next[0]);
      const { repo, release } = next[1];
      for (const c of release.clusters) await this.#show(repo, release, c).catch((e: unknown) => this.#failed(e));
    }
  }

  #failed(error: unknown): void {
    if ([401, 403].includes((error as { status?: number }).status ?? 0)) this.#refused = true;
    this.#deps.log(`github: deployments are not shown: ${error instanceof Error ? error.message : String(error)}`);
  }

  async #show(repo: Repo, r: CardRelease, c: CardRelease['clusters'][number]): Promise<void> {
    if (this.#refused) return;
    const key = `${repo.owner}/${repo.repo} ${r.id} ${c.name}`;
    const environment = `${this.#deps.fleet}/${c.name}`;
    const known = this.#known.get(key) ?? (await this.#find(repo, environment, r.id));
    const deployment = known ?? { id: await this.#create(repo, environment, r), state: undefined };
    this.#known.set(key, deployment);
    if (deployment.state === c.state) return;
    await this.#deps.web.request('POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
      ...repo,
      deployment_id: Number(deployment.id),
      state: c.state,
    });
    this.#known.set(key, { ...deployment, state: c.state });
  }

  /** Made by a process before this one. */
  async #find(repo: Repo, environment: string, release: string): Promise<Known | undefined> {
    const { web } = this.#deps;
    const { data } = await web.request('GET /repos/{owner}/{repo}/deployments', { ...repo, environment, per_page: 20 });
    const mine = data.find((d) => (d.payload as { tradewind?: unknown } | null)?.tradewind === release);
    if (mine === undefined) return undefined;
    const told = await web.request('GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses', {
      ...repo,
      deployment_id: Number(mine.id),
      per_page: 1,
    });
    return { id: mine.id, state: told.data[0]?.state as State | undefined };
  }

  /** The commit that is tagged with the version; the newest of the default branch where no tag says it. */
  async #commit(repo: Repo, version: string): Promise<string> {
    const of = async (ref: string): Promise<string> =>
      (await this.#deps.web.request('GET /repos/{owner}/{repo}/commits/{ref}', { ...repo, ref })).data.sha;
    return await of(`tags/${version}`).catch((error: unknown) => {
      if (isMissing(error)) return of('HEAD');
      throw error;
    });
  }

  async #create(repo: Repo, environment: string, r: CardRelease): Promise<Id> {
    // Without these two GitHub may merge the default branch, and refuses where any check is not green.
    const safe = { auto_merge: false, required_contexts: [] };
    const { data } = await this.#deps.web.request('POST /repos/{owner}/{repo}/deployments', {
      ...repo,
      ...safe,
      ref: await this.#commit(repo, r.version),
      environment,
      description: `${r.app}@${r.version}`.slice(0, 140),
      payload: { tradewind: r.id },
    });
    if (!('id' in data)) throw new Error(`GitHub made no deployment for ${environment}`);
    return data.id;
  }
}
