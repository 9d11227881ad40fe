import type { CardCheck } from '../model.ts';
import { cardMarker } from './github.ts';
import { codeBlock, codeSpan } from './markdown.ts';

/** The document that `tw plan -o json` prints, as far as a comment shows it: names and counts, no values. */
export interface PlanDocument {
  data?: {
    id?: string;
    changes?: { infra: number; fleet: number; traffic: number; total: number };
    roots?: readonly { root: string; kind: string; changes: readonly { address: string; action: string }[] }[];
    clusters?: readonly {
      name: string;
      skipped: string | null;
      apps: readonly { name: string; ops: readonly { kind: string; object: string; refused: string | null }[] }[];
    }[];
  };
  problem?: { code: string; title: string };
  warnings?: readonly { code: string; title: string }[];
}

/** Lines of a plan that a comment has room for. */
const MOST = 60;
const SIGN: Readonly<Record<string, string>> = { create: '+', delete: '-', update: '~', replace: '±', recreate: '±' };
const sign = (action: string): string => (Object.hasOwn(SIGN, action) ? (SIGN[action] ?? '?') : '?');

function linesOf({ roots = [], clusters = [] }: NonNullable<PlanDocument['data']>): string[] {
  const clouds = roots
    .filter((r) => r.kind !== 'unchanged')
    .flatMap((r) => [`${r.root}: ${r.kind}`, ...r.changes.map((c) => `  ${sign(c.action)} ${c.address}`)]);
  const apps = clusters.flatMap((c) => {
    const ops = c.apps.flatMap((a) =>
      a.ops.map((op) => `  ${sign(op.kind)} ${a.name} ${op.object}${op.refused === null ? '' : ` (${op.refused})`}`),
    );
    const head = c.skipped === null ? `on ${c.name}` : `on ${c.name}: not known (${c.skipped})`;
    return ops.length === 0 && c.skipped === null ? [] : [head, ...ops];
  });
  return [...clouds, ...apps];
}

function headOf(d: PlanDocument): string {
  const { problem, data } = d;
  if (problem !== undefined) return `✗ No plan that can be applied: ${codeSpan(`${problem.code} ${problem.title}`)}`;
  const n = data?.changes;
  if (data?.id === undefined || n === undefined) return '✗ No plan: the log of the run says why.';
  if (n.total === 0) return `✓ No change, plan ${codeSpan(data.id)}`;
  return `● Plan ${codeSpan(data.id)}: ${n.infra} in the clouds, ${n.fleet} in the clusters, ${n.traffic} in DNS`;
}

/** The plan of a commit as Markdown. */
export function planBody(d: PlanDocument, sha: string): string {
  const lines = d.data === undefined ? [] : linesOf(d.data);
  const more = lines.length - MOST;
  const shown = more > 0 ? [...lines.slice(0, MOST), `… ${more} more`] : lines;
  const warnings = (d.warnings ?? []).slice(0, 8).map((w) => `- ${codeSpan(`${w.code} ${w.title}`)}`);
  return [
    `${headOf(d)} of commit ${codeSpan(sha.slice(0, 7))}`,
    ...(shown.length === 0 ? [] : [codeBlock(shown)]),
    ...(warnings.length === 0 ? [] : [warnings.join('\n')]),
    'Values stand in the log of the run and on the dashboard. A merge plans anew.',
  ].join('\n\n');
}

/** The plan as one comment; `config` tells the fleets of a repository apart. */
export const planMessage = (d: PlanDocument, x: { config: string; sha: string }): string =>
  `${planMarker(x.config)}\n\n${planBody(d, x.sha)}`;

/** Deletions that only a person's word lets through. */
const WITHHELD = 'TW3030';

/** The plan as the end of a check: it says whether the commit can be built, not whether it is wanted. */
export function planEnd(
  d: PlanDocument,
  exit: number,
): { state: Exclude<CardCheck['state'], 'in_progress'>; title: string } {
  const { problem, data } = d;
  if (problem?.code === WITHHELD)
    return { state: 'action_required', title: 'deletes more than a plan may without a word' };
  if (problem !== undefined) return { state: 'failure', title: `no plan: ${problem.code} ${problem.title}` };
  const n = data?.changes;
  if (exit !== 0 || n === undefined) return { state: 'failure', title: 'no plan: the log of the run says why' };
  if (n.total === 0) return { state: 'neutral', title: 'no change' };
  return { state: 'success', title: `${n.infra} in the clouds, ${n.fleet} in the clusters, ${n.traffic} in DNS` };
}

export const planMarker = (config: string): string => cardMarker(`plan-${config.replace(/[^\w-]/g, '-')}`);

/** How a run of a verb ended, for the summary of a job. */
export function endMessage(verb: string, d: PlanDocument, exit: number): string {
  const why = d.problem === undefined ? `exit ${exit}` : `${d.problem.code} ${d.problem.title}`;
  return exit === 0 ? `✓ ${codeSpan(`tw ${verb}`)} is done` : `✗ ${codeSpan(`tw ${verb}`)}: ${codeSpan(why)}`;
}
