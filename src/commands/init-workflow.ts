/** What a workflow for one fleet is made of. */
export interface WorkflowWish {
  fleet: string;
  /** Path of the config in the repository. */
  config: string;
  /** `owner/tradewind@<commit or tag>`. */
  action: string;
  slash: string;
  /** Comments reach `tw serve`: the workflow must not run them a second time. */
  served: boolean;
  clouds: {
    aws?: { region: string } | undefined;
    azure?: { subscription: string; tenant: string } | undefined;
    gcp?: true | undefined;
  };
}

const CHECKOUT = 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1';
const TERRAFORM = 'hashicorp/setup-terraform@dfe3c3f87815947d99a8997f908cb6525fc44e9e # v4.0.1';
const AWS = 'aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c # v6.2.3';
const GCP = 'google-github-actions/auth@7c6bc770dae815cd3e89ee6cdf493a5fab2cc093 # v3.0.0';

/** A double-quoted YAML string; JSON is one. */
const quoted = (s: string): string => JSON.stringify(s);
const variable = (name: string): string => `\${{ vars.${name} }}`;

type Right = 'PLAN' | 'UP';

/** Short-lived credentials by OIDC: one identity that looks, one that builds. */
function credentials({ clouds }: WorkflowWish, right: Right): string[] {
  const aws = [
    `      - uses: ${AWS}`,
    '        with:',
    `          role-to-assume: ${variable(`TRADEWIND_AWS_${right}_ROLE`)}`,
    `          aws-region: ${clouds.aws?.region}`,
  ];
  const gcp = [
    `      - uses: ${GCP}`,
    '        with:',
    `          workload_identity_provider: ${variable('TRADEWIND_GCP_PROVIDER')}`,
    `          service_account: ${variable(`TRADEWIND_GCP_${right}_ACCOUNT`)}`,
  ];
  return [...(clouds.aws === undefined ? [] : aws), ...(clouds.gcp === undefined ? [] : gcp)];
}

function azure({ clouds }: WorkflowWish, right: Right): string[] {
  if (clouds.azure === undefined) return [];
  return [
    '    env:',
    "      ARM_USE_OIDC: 'true'",
    `      ARM_CLIENT_ID: ${variable(`TRADEWIND_AZURE_${right}_CLIENT`)}`,
    `      ARM_TENANT_ID: ${quoted(clouds.azure.tenant)}`,
    `      ARM_SUBSCRIPTION_ID: ${quoted(clouds.azure.subscription)}`,
  ];
}

interface Job {
  name: string;
  when: readonly string[];
  may: readonly string[];
  right: Right;
  lock: readonly string[];
}

function jobOf(w: WorkflowWish, j: Job): string[] {
  const state = `/var/lib/tradewind/${w.fleet}`;
  return [
    `  ${j.name}:`,
    '    if: >-',
    ...j.when.map((l) => `      ${l}`),
    '    runs-on: [self-hosted, tradewind]',
    '    permissions:',
    ...['contents: read', 'id-token: write', ...j.may].map((p) => `      ${p}`),
    ...j.lock,
    ...azure(w, j.right),
    '    steps:',
    `      - uses: ${CHECKOUT}`,
    '        with:',
    '          persist-credentials: false',
    `      - uses: ${TERRAFORM}`,
    '        with:',
    '          terraform_wrapper: false',
    ...credentials(w, j.right),
    `      - uses: ${w.action}`,
    '        with:',
    `          state: ${state}`,
    `          config: ${quoted(w.config)}`,
    `          slash: ${w.slash}`,
    '',
  ];
}

const OWN = 'github.event.pull_request.head.repo.full_name == github.repository';

/** `.github/workflows/tradewind.yml`. */
export function workflow(w: WorkflowWish): string {
  const plan: Job = {
    name: 'plan',
    when: ["github.event_name == 'pull_request' &&", OWN],
    may: ['pull-requests: write', 'checks: write'],
    right: 'PLAN',
    lock: [
      '    concurrency:',
      `      group: tradewind-${w.fleet}-plan-\${{ github.event.pull_request.number }}`,
      '      cancel-in-progress: true',
    ],
  };
  const up: Job = {
    name: 'up',
    when: ["github.event_name == 'push' &&", 'github.ref_name == github.event.repository.default_branch'],
    may: [],
    right: 'UP',
    lock: ['    concurrency:', `      group: tradewind-${w.fleet}-up`, '      cancel-in-progress: false'],
  };
  const comment: Job = {
    name: 'comment',
    when: ["github.event_name == 'issue_comment' &&", `startsWith(github.event.comment.body, '${w.slash} ')`],
    may: ['issues: write', 'pull-requests: write', 'deployments: write', 'checks: write'],
    right: 'UP',
    lock: [],
  };
  return [
    '# Written by `tw init --ci github`; it is yours to change.',
    '# The state of the fleet is a folder of the runner, so the runner is one of your own, with the label `tradewind`.',
    'name: tradewind',
    'on:',
    '  pull_request:',
    '  push:',
    ...(w.served ? [] : ['  issue_comment:', '    types: [created]']),
    '',
    'permissions: {}',
    '',
    'jobs:',
    ...jobOf(w, plan),
    '  fork:',
    '    if: >-',
    "      github.event_name == 'pull_request' &&",
    `      ${OWN.replace('==', '!=')}`,
    '    runs-on: ubuntu-latest',
    '    permissions: {}',
    '    steps:',
    '      - run: echo "A pull request from a fork gets no plan." >> "$GITHUB_STEP_SUMMARY"',
    '',
    ...jobOf(w, up),
    ...(w.served ? [] : jobOf(w, comment)),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}
