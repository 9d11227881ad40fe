// Ginkgo's JUnit report → what passed, failed, was skipped and was not reached, by SIG.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** `missed`: chosen, but the time ended before or in it. */
export type Result = 'passed' | 'failed' | 'skipped' | 'missed';
export interface Spec {
  sig: string;
  name: string;
  result: Result;
  seconds: number;
}
export interface Known {
  match: string;
  why: string;
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', '#39': "'", '#34': '"', amp: '&', lt: '<', gt: '>' };
const plain = (s: string): string => s.replaceAll(/&([a-z#0-9]+);/g, (all, e: string) => ENTITIES[e] ?? all);

/**
 * The specs a run was about: those the focus chose, their names without the list of labels ginkgo adds. What the skip expression leaves out (serial, slow, disruptive)
 * or a spec itself declines is `skipped`.
 */
export function readReport(xml: string, focus: RegExp, skip: RegExp): Spec[] {
  return [...xml.matchAll(/<testcase name="([^"]*)"[^>]*?status="([^"]*)"[^>]*?time="([^"]*)"[^>]*?(\/>|>)/g)].flatMap(
    (m): Spec[] => {
      const name = plain(m[1] ?? '')
        .replace(/^\[It\] /, '')
        .replace(/ \[sig-[^\]]*, [^\]]*\]$/, '');
      const sig = /\[sig-([^\]]+)\]/.exec(name)?.[1];
      if (sig === undefined || !focus.test(name)) return [];
      const seconds = Number(m[3] ?? 0);
      return [{ sig, name, seconds, result: resultOf(m[2] ?? '', skip.test(name), declined(xml, m)) }];
    },
  );
}

/** A spec that asked to be skipped has run for a moment and says why; one that was not reached says nothing. */
function declined(xml: string, m: RegExpExecArray): boolean {
  const rest = xml.slice(m.index, m.index + m[0].length + 2000);
  return /^[^]*?<skipped message="skipped - /.test(rest.split('</testcase>')[0] ?? '');
}

function resultOf(status: string, left: boolean, said: boolean): Result {
  if (status === 'passed') return 'passed';
  if (status === 'skipped' || status === 'pending') return left || said ? 'skipped' : 'missed';
  if (status === 'interrupted' || status === 'timedout' || status === 'aborted') return 'missed';
  return 'failed';
}

export function readKnown(file: string): Known[] {
  return ((parse(readFileSync(file, 'utf8')) as { known: Known[] | null }).known ?? []).map(({ match, why }) => {
    if (typeof match !== 'string' || typeof why !== 'string') throw new Error(`${file}: an entry needs match and why`);
    return { match, why };
  });
}

const count = (of: readonly Spec[], r: Result): number => of.filter((s) => s.result === r).length;

/** The table and its sentences; `unexplained` is what must fail the run. */
export function render(
  specs: readonly Spec[],
  known: readonly Known[],
): { text: string; unexplained: number; passed: number } {
  const row = (cells: readonly (string | number)[]): string =>
    `${String(cells[0]).padEnd(18)}${cells
      .slice(1)
      .map((c) => String(c).padStart(9))
      .join('')}`;
  const kinds = ['passed', 'failed', 'skipped', 'missed'] as const;
  const lines = [row(['SIG', 'passed', 'failed', 'skipped', 'no time'])];
  for (const sig of [...new Set(specs.map((s) => s.sig))].toSorted()) {
    const of = specs.filter((s) => s.sig === sig);
    lines.push(row([sig, ...kinds.map((k) => count(of, k))]));
  }
  lines.push(row(['all', ...kinds.map((k) => count(specs, k))]), '');
  const why = (s: Spec): string | undefined => known.find((k) => s.name.includes(k.match))?.why;
  const failed = specs.filter((s) => s.result === 'failed');
  for (const s of failed) lines.push(`failed: ${s.name}`, `        ${why(s) ?? 'NOT EXPLAINED'}`);
  for (const s of specs.filter((x) => x.result === 'passed' && why(x) !== undefined))
    lines.push(`passed, though known.yaml says it cannot: ${s.name}`);
  const unexplained = failed.filter((s) => why(s) === undefined).length;
  const passed = count(specs, 'passed');
  lines.push(
    `${passed} passed, ${failed.length} failed (${unexplained} not explained), ${count(specs, 'missed')} not reached`,
  );
  return { text: lines.join('\n'), unexplained, passed };
}
