// What it costs to start the CLI: help, completion and explain beside an empty Node program.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, inTurn, ROOT, run, table } from './lib/measure.ts';

const cwd = mkdtempSync(join(tmpdir(), 'tw-bench-'));
try {
  const tw = join(ROOT, 'tw');
  const env = { ...process.env, NO_COLOR: '1' };
  const got = await inTurn(
    9,
    {
      empty: () => run([process.execPath, '-e', '0'], { cwd, env }),
      help: () => run([tw, '--help'], { cwd, env }),
      complete: () => run([tw, 'complete', '--', 'explain', 'TW'], { cwd, env }),
      explain: () => run([tw, 'explain', 'TW2102'], { cwd, env }),
    },
    { warm: true },
  );
  const peer = { ...got.empty, name: 'node -e 0' };
  table('CLI start (median of 9, in turn)', [
    ...compare('tw --help', got.help, peer, '≤ 4×, ≤ 120 ms'),
    ...compare('completion of the error codes', got.complete, peer, '≤ 3×'),
    ...compare('tw explain TW2102', got.explain, peer),
  ]);
} finally {
  rmSync(cwd, { recursive: true, force: true });
}
