import type { ReleasePlan } from './plan.ts';

/** What one cluster meets in one step, and what happens when it is lost there. */
export interface DryStep {
  step: string;
  clusters: readonly string[];
  does: string;
  lost: string;
}

const list = (names: readonly string[]): string => names.join(', ');

/** Every step of a release with what a lost cluster would mean, from the plan alone. Pure. */
export function dryRun(p: ReleasePlan): DryStep[] {
  const t = p.terms;
  const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
  const before =
    t.require === 'skip'
      ? 'it is braked and left out as lagging'
      : `after ${seconds(t.prepareMs)} the release ends rolled back; no user saw ${p.green}`;
  const missed = {
    brake: `after ${seconds(t.skewMs)} it is braked and the flip tried on; a second one takes all back`,
    rollback: `after ${seconds(t.skewMs)} every cluster goes back`,
    wait: 'the flip is tried on, users of it stay on the old version',
  }[t.onMissed];
  const waves = t.waves.flatMap((w, i): DryStep[] => [
    { step: `flip wave ${i + 1}`, clusters: w.clusters, does: `one write: all users get ${p.green}`, lost: missed },
    {
      step: `soak wave ${i + 1}`,
      clusters: w.clusters,
      does: `judged for ${seconds(w.soakMs)} against the old version`,
      lost: 'the soak grows; nothing is called done',
    },
  ]);
  return [
    { step: 'claim', clusters: p.members, does: 'the register takes the release', lost: before },
    {
      step: 'prepare',
      clusters: p.members,
      does: `${p.green} is made as large as the old version, checked, and votes`,
      lost: before,
    },
    { step: 'commit', clusters: p.members, does: 'one decision in the register', lost: before },
    ...waves,
    {
      step: 'keep',
      clusters: p.members,
      does: `the old version runs on for ${seconds(t.keepBlueMs)}: a rollback is one write per cluster`,
      lost: 'not done until it answers',
    },
    {
      step: 'done',
      clusters: p.members,
      does: 'the old version is retired when it gets no request',
      lost: 'retired there later',
    },
    {
      step: 'rollback',
      clusters: p.members,
      does: `every cluster is written back (${list(p.members.map((c) => `${c}: ${p.blue[c] ?? '?'}`))})`,
      lost: 'braked at once, written back as soon as it answers',
    },
  ];
}
