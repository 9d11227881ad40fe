import type { Fact } from '../../kernel/index.ts';

/** Of the register's record what is told. */
interface RecordFact {
  app: string;
  release: string;
  green: string;
  planId: string;
  decision: string;
  step: string;
  wave: number;
}
interface DidFact {
  app?: string;
  do?: string;
  put?: string;
}

/** One release in one phase. Times are Unix milliseconds. */
interface Stand {
  app: string;
  release: string;
  green: string;
  plan: string;
  phase: string;
  wave: number;
  /** When the release began, came into this phase, and when its rollback was decided. */
  began: number;
  since: number;
  backSince: number | undefined;
  /** Switches that flipped in this phase. */
  flips: readonly { cluster: string; at: number; offset: number }[];
  /** Run that began the release. */
  run: string | undefined;
}
/** A phase that a release has left. */
export interface LeftPhase extends Stand {
  at: number;
  next: string;
}

/** One word for where a release stands. */
export const phaseOf = (r: Pick<RecordFact, 'decision' | 'step'>): string =>
  r.decision === 'committed' ? r.step : r.decision;

export const isEnd = (phase: string): boolean => phase === 'done' || phase === 'rolledback';

function entered(r: RecordFact, f: Fact, old: Stand | undefined): Stand {
  const phase = phaseOf(r);
  const { app, release, green, planId: plan, wave } = r;
  const backSince = phase === 'aborting' ? f.at : old?.backSince;
  const { began, run } = old ?? { began: f.at, run: f.run };
  return { app, release, green, plan, phase, wave, began, since: f.at, backSince, flips: [], run };
}

/** Phases as releases leave them, app by app, by their decisions and flips. */
export function leftPhases(): (f: Fact) => LeftPhase[] {
  const apps = new Map<string, Stand>();
  /** Facts of old do not name the app: they belong to the record before them. */
  let last = '';
  const decided = (r: RecordFact, f: Fact): LeftPhase[] => {
    last = r.app;
    const known = apps.get(r.app);
    const old = known?.release === r.release ? known : undefined;
    const now = entered(r, f, old);
    if (old?.phase === now.phase && old.wave === now.wave) return [];
    apps.set(r.app, now);
    return old === undefined ? [] : [{ ...old, at: f.at, next: now.phase }];
  };
  const did = (d: DidFact, f: Fact): LeftPhase[] => {
    const s = apps.get(d.app ?? last);
    const { cluster, at, offset } = f;
    if (s !== undefined && cluster !== undefined && d.do === 'flip' && d.put === 'ok')
      apps.set(s.app, { ...s, flips: [...s.flips, { cluster, at, offset }] });
    return [];
  };
  return (f) => {
    if (f.kind === 'release.record') return decided(f.data as unknown as RecordFact, f);
    return f.kind === 'release.did' ? did(f.data as DidFact, f) : [];
  };
}
