import { parseArgs } from 'node:util';
import { readJson } from '../adapters/files.ts';
import { MARK } from '../adapters/marks.ts';
import type { SandboxSpec } from '../model.ts';
import { layout } from '../plan/layout.ts';
import { Supervisor } from './supervisor.ts';

const { values } = parseArgs({ options: { dir: { type: 'string' } } });
const l = layout(values.dir ?? '');
const spec = readJson<SandboxSpec>(l.spec);
const id = process.env[MARK];
if (spec === undefined || id === undefined) {
  process.stderr.write(`supervisor: ${l.spec} and the mark ${MARK} are needed; it is started by "tw sandbox up"\n`);
  process.exitCode = 2;
} else {
  const supervisor = new Supervisor({ spec, id, node: process.execPath, rootless: process.getuid?.() !== 0 });
  // A rejection somewhere must not take the watch over everything else with it.
  process.on('unhandledRejection', (e) =>
    process.stderr.write(`supervisor: ${e instanceof Error ? e.stack : String(e)}\n`),
  );
  await supervisor.start().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`supervisor: start failed: ${why}\n`);
    // It stays: `up` reads the reason in the view, and `down` ends it.
    supervisor.giveUp(why);
  });
}
