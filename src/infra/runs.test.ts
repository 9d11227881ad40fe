import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memoryJournal, toJson } from '../kernel/index.ts';
import { KEEP_RUNS, pruneRuns } from './adapters/runs.ts';

it('the files of old runs go, but for runs that have no end yet', () => {
  const dir = mkdtempSync(join(tmpdir(), 'tw-runs-'));
  const name = (n: number): string => `run-${String(n).padStart(3, '0')}`;
  const count = KEEP_RUNS + 10;
  for (let n = 0; n < count; n++) {
    mkdirSync(join(dir, name(n), 'cluster-sao'), { recursive: true });
    writeFileSync(join(dir, name(n), 'cluster-sao', 'apply-1.jsonl'), '{}\n');
  }
  const journal = memoryJournal();
  const told = (n: number, state: string, more: object = {}): void => {
    const key = `${name(n)}/cluster-sao/apply-1`;
    journal.append({ kind: 'infra.run', data: toJson({ state, key, ...more }) });
  };
  for (const n of [0, 1, 2]) told(n, 'intent');
  for (const n of [0, 1]) told(n, 'started', { ref: { run: name(n) } });
  told(0, 'ended');
  pruneRuns(dir, journal);
  const kept = readdirSync(dir).toSorted();
  expect(kept).toEqual([1, 2, ...Array.from({ length: KEEP_RUNS }, (_, i) => i + 10)].map(name));
  pruneRuns(join(dir, 'absent'), journal);
  rmSync(dir, { recursive: true });
});
