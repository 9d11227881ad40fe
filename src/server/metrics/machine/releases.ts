import type { Fact } from '../../../kernel/index.ts';
import type { Sample } from '../definitions.ts';

/** Of the register's record what is measured. */
interface RecordFact {
  app: string;
  release: string;
  decision: string;
  step: string;
  wave: number;
}
interface DidFact {
  app?: string;
  do?: string;
  put?: string;
}

/** One release in one phase. */
interface Stand {
  release: string;
  phase: string;
  wave: number;
  /** When it came into this phase, and when its rollback was decided. */
  since: number;
  backSince: number | undefined;
  /** When switches flipped in this phase. */
  flips: readonly number[];
}

/** One word for where a release stands. */
export const phaseOf = (r: Pick<RecordFact, 'decision' | 'step'>): string =>
  r.decision === 'committed' ? r.step : r.decision;

const ENDED = ['done', 'rolledback'];

/** What leaving a phase tells. */
function left(app: string, s: Stand, next: string, at: number): Sample[] {
  const { phase, since, backSince, flips } = s;
  const skew = Math.max(...flips) - Math.min(...flips);
  return [
    { name: 'release_step_duration_seconds', labels: { app, phase }, value: (at - since) / 1000 },
    ...(phase === 'flip' && next !== 'aborting' && flips.length > 1
      ? [{ name: 'flip_skew_seconds', labels: { app }, value: skew / 1000 } as const]
      : []),
    ...(next === 'rolledback' && backSince !== undefined
      ? [{ name: 'rollback_duration_seconds', labels: { app }, value: (at - backSince) / 1000 } as const]
      : []),
    ...(ENDED.includes(next) ? [{ name: 'releases_total', labels: { app, result: next }, value: 1 } as const] : []),
  ];
}

/** Releases by their decisions and flips, app by app. */
export function releaseSamples(): (f: Fact) => Sample[] {
  const apps = new Map<string, Stand>();
  /** Facts of old do not name the app: they belong to the record before them. */
  let last = '';
  const decided = (r: RecordFact, at: number): Sample[] => {
    last = r.app;
    const phase = phaseOf(r);
    const known = apps.get(r.app);
    const old = known?.release === r.release ? known : undefined;
    if (old?.phase === phase && old.wave === r.wave) return [];
    const backSince = phase === 'aborting' ? at : old?.backSince;
    apps.set(r.app, { release: r.release, phase, wave: r.wave, since: at, backSince, flips: [] });
    return old === undefined ? [] : left(r.app, old, phase, at);
  };
  const did = (d: DidFact, at: number): Sample[] => {
    const app = d.app ?? last;
    const s = apps.get(app);
    if (s !== undefined && d.do === 'flip' && d.put === 'ok') apps.set(app, { ...s, flips: [...s.flips, at] });
    return [];
  };
  return (f) => {
    if (f.kind === 'release.record') return decided(f.data as unknown as RecordFact, f.at);
    return f.kind === 'release.did' ? did(f.data as DidFact, f.at) : [];
  };
}
