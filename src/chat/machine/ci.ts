/** What of a workflow's event is read. */
export interface CiEvent {
  /** Name of the event, such as pull_request. */
  name: string;
  payload: {
    action?: string;
    number?: number;
    ref?: string;
    deleted?: boolean;
    pull_request?: { head?: { sha?: string; repo?: { full_name?: string } | null } };
    issue?: { number?: number };
    repository?: { full_name?: string; default_branch?: string };
  };
  /** The runner's disk ends with the job. */
  hosted: boolean;
  /** Folder that keeps the state of the fleet; empty = none was named. */
  state: string;
}

export type CiStep =
  | { do: 'plan'; issue: number; sha: string }
  | { do: 'up'; branch: string }
  | { do: 'comment' }
  | { do: 'nothing'; why: string }
  | { do: 'refuse'; why: string; fix: string };

const nothing = (why: string): CiStep => ({ do: 'nothing', why });

const PUSHED = ['opened', 'synchronize', 'reopened', 'ready_for_review'];

/** Code of a stranger: a config is a program, and so are modules and providers. */
function isFork({ pull_request: pull, repository }: CiEvent['payload']): boolean {
  const from = pull?.head?.repo?.full_name;
  return from === undefined || from !== repository?.full_name;
}

function ofPull({ payload: p }: CiEvent): CiStep {
  const { action = '', number = 0 } = p;
  if (!PUSHED.includes(action)) return nothing('the code of this pull request is what it was');
  if (isFork(p))
    return nothing('a pull request from a fork gets no plan: planning runs its code with the credentials of the fleet');
  return { do: 'plan', issue: number, sha: p.pull_request?.head?.sha ?? '' };
}

function ofPush({ payload: p }: CiEvent): CiStep {
  const branch = p.repository?.default_branch ?? '';
  if (branch === '' || p.ref !== `refs/heads/${branch}` || p.deleted === true)
    return nothing('only a push to the default branch changes the fleet');
  return { do: 'up', branch };
}

const ofComment = ({ payload: p }: CiEvent): CiStep =>
  p.action === 'created' ? { do: 'comment' } : nothing('only a new comment can be a command');

const STEPS: Readonly<Record<string, (e: CiEvent) => CiStep>> = {
  pull_request: ofPull,
  push: ofPush,
  issue_comment: ofComment,
  pull_request_target: () => ({
    do: 'refuse',
    why: 'pull_request_target gives the code of strangers the credentials of this repository',
    fix: 'Let the workflow run on pull_request.',
  }),
};

/** What a workflow does with an event: plans, builds, runs a comment, or says why it does not. */
export function ciStep(e: CiEvent): CiStep {
  const of = Object.hasOwn(STEPS, e.name) ? STEPS[e.name] : undefined;
  if (of === undefined)
    return {
      do: 'refuse',
      why: `the event ${e.name} is not known`,
      fix: 'It knows pull_request, push and issue_comment.',
    };
  const step = of(e);
  if (step.do === 'nothing' || step.do === 'refuse') return step;
  if (e.hosted || e.state === '')
    return {
      do: 'refuse',
      why: 'the state of the fleet is a folder that must outlive the job',
      fix: 'Use a runner of your own, and name a folder outside of its workspace as `state`.',
    };
  return step;
}
