import { EXIT, fault, type Problem, problemOf, toJson } from '../../kernel/index.ts';
import {
  ask,
  type DriveOptions,
  drive,
  type End,
  type Reason,
  type ReleaseRecord,
  releaseRows,
  releaseView,
  type Stage,
} from '../../release/index.ts';
import type { Io } from '../context.ts';
import type { Outcome } from '../model.ts';
import type { Released } from './gather.ts';
import { stillState } from './still.ts';

const ASKS: Readonly<Record<Stage, string>> = {
  commit: 'Commit: all users get the new version?',
  wave: 'Go on with the next wave?',
  done: 'End the release: the old version is retired?',
};

interface Asked {
  stage: Stage;
  r: ReleaseRecord;
  yes: boolean;
}

/** Gets a person's word and gives it to the register; nobody there = the release waits for `tw promote`. */
async function approval(x: Released, io: Io, asked: Asked): Promise<void> {
  const { stage, r, yes } = asked;
  const kind = stage === 'wave' && !r.terms.approve.includes('wave') ? 'accept' : 'approve';
  if (!yes) {
    const answer = await io.ask({ kind: 'yes', text: ASKS[stage], flag: 'tw promote' }).catch(() => 'nobody');
    if (answer !== 'yes') return;
  }
  const request = { kind, by: x.by, at: x.c.clock.now(), stage, wave: r.wave } as const;
  await ask(x.register, x.app.name, { release: r.release, request, may: () => undefined });
}

export interface Driving {
  leaveAt: DriveOptions['leaveAt'];
  /** Answers every question of the release with yes. */
  yes: boolean;
}

const checksOf = (x: Released): DriveOptions['checks'] =>
  x.app.release.prepare.checks.length > 0
    ? x.app.release.prepare.checks
    : [{ path: x.app.traffic?.health ?? '/', status: 200 }];

/** Drives a claimed release in this process and shows it until it ends, waits, or this process is told to stop. */
export async function driven(x: Released, io: Io, record: ReleaseRecord, d: Driving): Promise<End> {
  const still = x.app.state.mode === 'single-writer' ? stillState(x.e.state) : undefined;
  return await drive(x.ports, record, {
    checks: checksOf(x),
    evidence: x.e.release.evidence(x.app.name, x.ports),
    signal: io.signal,
    leaveAt: d.leaveAt,
    show: (round) => {
      still?.see(round.record);
      io.show(releaseRows(releaseView(round), x.c.clock.now()));
    },
    ask: (stage, r) => void approval(x, io, { stage, r, yes: d.yes }).catch(() => undefined),
  }).finally(() => still?.end());
}

/** The fault a release ended with: the cause's own code, so that `tw explain` helps. */
function problemOfCause(r: ReleaseRecord, cause: Reason, why: readonly Reason[]): Problem {
  const code = cause.code.startsWith('TW7') ? cause.code : 'TW7010';
  const base = problemOf(
    fault(code as Parameters<typeof fault>[0], {
      value: `${r.app}@${r.green} ${r.release}`,
      why: [cause.say, ...why.map((w) => w.say)],
      where: cause.cluster === undefined ? [] : [{ cluster: cause.cluster }],
      fix: [{ say: 'What every step saw:', command: `tw why '#${r.release}'` }],
    }),
  );
  return { ...base, exit: r.decision === 'rolledback' ? EXIT.rolledBack : base.exit };
}

/** Members whose switch was edited by hand: a person takes them again. */
function adopting(end: End): Problem['fix'] {
  const edited = Object.entries(end.seen.clusters).filter(
    ([, v]) => 'unreachable' in v.sw && v.sw.unreachable.code === 'TW7021',
  );
  return edited.map(([c]) => ({
    say: `The switch of ${c} is not as it was left; to take it again:`,
    command: `tw adopt ${end.record.app} --on ${c}`,
  }));
}

/** Why an open release is not at its end when the process leaves, and who goes on. */
function openProblem(x: Released, end: End): Problem {
  const r = end.record;
  return problemOf(
    fault(r.decision === 'aborting' ? 'TW7031' : 'TW7008', {
      value: `${r.release} ${r.decision}`,
      why:
        end.why.length > 0
          ? end.why.map((w) => w.say)
          : ['this process was told to stop; users are served as they are'],
      fix: [...adopting(end), { say: 'Go on from any machine:', command: `tw resume` }],
    }),
  );
}

/** The document and the exit code of a release that this process leaves. */
export function releaseOutcome(x: Released, end: End): Outcome {
  const view = releaseView(end);
  const data = toJson({
    ...view,
    clusters: view.lanes.map(({ name, version, flippedAtMs, braked, lagging, verdict, why }) => ({
      name,
      version,
      flippedAtMs,
      braked,
      lagging,
      verdict,
      why,
    })),
  });
  const shown = { data, view: releaseRows(view, x.c.clock.now()) };
  const r = end.record;
  if (view.outcome === 'rolledback' && r.cause !== undefined && r.cause.code !== 'TW7032')
    return { ...shown, problem: problemOfCause(r, r.cause, end.why) };
  if (view.outcome === 'open') return { ...shown, problem: openProblem(x, end), exit: EXIT.partial };
  return shown;
}
