import { digest, type Fact, type Json } from '../../../kernel/index.ts';
import { type EndedCommand, endedCommands } from '../../machine/commands.ts';
import { isEnd, type LeftPhase, leftPhases } from '../../machine/releases.ts';
import { type AppliedFact, endedRoots, isFailed, isTeardown, isWork, type RootWork } from '../../machine/roots.ts';
import type { Span } from '../model.ts';

const hex = (of: Json, digits: number): string => digest(of).slice('sha256:'.length, 'sha256:'.length + digits);

/** Where spans of a run belong. */
interface At {
  trace: string;
  id: string;
}
const ofRun = (run: string): At => ({ trace: hex(['trace', run], 32), id: hex(['span', run], 16) });

/** W3C trace context, version 00: the trace that a caller is in, and its span. */
const CONTEXT = /^00-(?!0{32})(?<trace>[0-9a-f]{32})-(?!0{16})(?<parent>[0-9a-f]{16})-[0-9a-f]{2}$/;
export const contextIn = (traceparent = ''): { trace: string; parent: string } | undefined =>
  CONTEXT.exec(traceparent)?.groups as { trace: string; parent: string } | undefined;

const failed = (code: string | null | undefined): Pick<Span, 'error'> =>
  code === null || code === undefined || code === '' ? {} : { error: code };

function commandSpan(c: EndedCommand, at: At, problem: string | undefined): Span {
  const { verb, door, exit, since: start, at: end } = c;
  const attributes = { 'tradewind.verb': verb, 'tradewind.door': door, 'tradewind.exit': exit };
  const { parent } = contextIn(c.traceparent) ?? {};
  return {
    ...at,
    ...(parent === undefined ? {} : { parent }),
    ...{ name: `command ${verb}`, start, end, attributes },
    ...(exit === 0 ? {} : failed(problem ?? `exit ${exit}`)),
  };
}

function rootSpans(w: RootWork, at: At): Span[] {
  if (!isWork(w) && !isFailed(w)) return [];
  return [
    {
      ...{ trace: at.trace, id: hex(['root', w.run, w.cluster], 16), parent: at.id },
      ...{ name: isTeardown(w) ? 'infra.destroy' : 'infra.apply', start: w.since, end: w.at },
      attributes: { 'tradewind.cluster': w.cluster },
      ...(isFailed(w) ? failed(w.code) : {}),
    },
  ];
}

function appSpan(f: Fact, at: At): Span {
  const { app, ms, step, code } = f.data as unknown as AppliedFact;
  return {
    ...{ trace: at.trace, id: hex(['app', f.offset, f.at], 16), parent: at.id },
    ...{ name: 'fleet.apply', start: f.at - ms, end: f.at },
    attributes: { 'tradewind.cluster': f.cluster ?? '', ...(app === '' ? {} : { 'tradewind.app': app }) },
    ...(step === 'sealed' ? {} : failed(code ?? step)),
  };
}

/** A phase, its flips, and with the last phase the release itself: a trace of its own, which outlives the command that began it. */
function phaseSpans(p: LeftPhase, begun: At | undefined): Span[] {
  const key = [p.app, p.release, p.began];
  const [trace, root] = [hex(['release', ...key], 32), hex(['release span', ...key], 16)];
  const about = { 'tradewind.app': p.app, 'tradewind.release': p.release, 'tradewind.plan': p.plan };
  const step = hex(['step', ...key, p.phase, p.wave, p.since], 16);
  const flips = p.flips.map(
    (x): Span => ({
      ...{ trace, id: hex(['flip', ...key, x.cluster, x.offset], 16), parent: step, name: 'switch.flip' },
      ...{ start: p.since, end: x.at },
      attributes: { ...about, 'tradewind.cluster': x.cluster },
    }),
  );
  const phase: Span = {
    ...{ trace, id: step, parent: root, name: 'release.step', start: p.since, end: p.at },
    attributes: { ...about, 'tradewind.phase': p.phase, 'tradewind.wave': p.wave },
  };
  const whole: Span = {
    ...{ trace, id: root, name: 'release', start: p.began, end: p.at },
    attributes: { ...about, 'tradewind.version': p.green, 'tradewind.outcome': p.next },
    ...(begun === undefined ? {} : { link: begun }),
  };
  return [...flips, phase, ...(isEnd(p.next) ? [whole] : [])];
}

/** Of a change of home what is told. `at`: when its ballot opened, by the clock of the cluster; null: nobody knows any more. */
interface HomeFact {
  app: string;
  from: string | null;
  to: string;
  epoch: number;
  at: number | null;
  tookMs: number | null;
}
const HOMES: Readonly<Record<string, string>> = { 'state.failover': 'state.failover', 'state.moved': 'state.move' };

/** A change of home is a trace of its own: agents decide it, whatever commands run. */
function homeSpans(f: Fact): Span[] {
  const name = HOMES[f.kind];
  if (name === undefined) return [];
  const { app, from, to, epoch, at, tookMs } = f.data as unknown as HomeFact;
  if (at === null || tookMs === null) return [];
  const key = [app, epoch, at];
  const about = { 'tradewind.app': app, 'tradewind.cluster': to, 'tradewind.epoch': epoch };
  return [
    {
      ...{ trace: hex(['home', ...key], 32), id: hex(['home span', ...key], 16), name, start: at, end: at + tookMs },
      attributes: { ...about, ...(from === null ? {} : { 'tradewind.from': from }) },
    },
  ];
}

/** Spans by the facts that end them. What has not ended is none yet, however long it takes. */
export function spansOf(): (f: Fact) => Span[] {
  const [commands, roots, phases] = [endedCommands(), endedRoots(), leftPhases()];
  /** Runs of the engine to the command they are a part of, and what callers said of their trace. */
  const parents = new Map<string, string>();
  const asked = new Map<string, string>();
  const at = (run: string): At => {
    const own = parents.get(run) ?? run;
    const { trace } = contextIn(asked.get(own)) ?? {};
    return trace === undefined ? ofRun(own) : { ...ofRun(own), trace };
  };
  const heard = ({ kind, run = '', data }: Fact): void => {
    if (kind === 'command.part') parents.set((data as { run: string }).run, run);
    const { traceparent } = (data ?? {}) as { traceparent?: string };
    if (kind === 'http.command' && traceparent !== undefined) asked.set(run, traceparent);
  };
  return (f) => {
    heard(f);
    if (f.kind === 'fleet.applied') return [appSpan(f, at(f.run ?? ''))];
    const [problem] = (f.data as { problems?: string[] } | null)?.problems ?? [];
    return [
      ...homeSpans(f),
      ...roots(f).flatMap((w) => rootSpans(w, at(w.run))),
      ...phases(f).flatMap((p) => phaseSpans(p, p.run === undefined ? undefined : at(p.run))),
      ...commands(f).map((c) => commandSpan(c, at(c.run), problem)),
    ];
  };
}
