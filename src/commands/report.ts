import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fault, type Journal, type Json, problemOf, toJson } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import type { Args, Outcome } from './model.ts';
import { factsOf } from './runlog.ts';
import { redactorOf } from './secrets.ts';

const run = promisify(execFile);
const TOOL_MS = 10_000;

/** The first of these programs that answers, with what it says of its version. */
async function versionOf(names: readonly string[], args: readonly string[]): Promise<Json> {
  const why: string[] = [];
  for (const name of names) {
    try {
      const { stdout } = await run(name, [...args], { timeout: TOOL_MS });
      return { name, version: JSON.parse(stdout) as Json };
    } catch (error) {
      why.push(`${name}: ${(error as NodeJS.ErrnoException).code ?? problemOf(error).why[0] ?? 'no answer'}`);
    }
  }
  return { missing: why };
}

async function versions(binary: string | undefined): Promise<Json> {
  const terraform = binary ?? process.env['TW_TERRAFORM'];
  const [tf, kubectl] = await Promise.all([
    versionOf(terraform === undefined ? ['terraform', 'tofu'] : [terraform], ['version', '-json']),
    versionOf(['kubectl'], ['version', '--client', '-o', 'json']),
  ]);
  const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return {
    tradewind: own.version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    terraform: tf,
    kubectl,
  };
}

/** The run named, or the last one. Throws TW6011. */
function chosen(journal: Journal, wanted: string | undefined): string {
  const runs = journal.read({ kind: 'command.start' }).flatMap((f) => (f.run === undefined ? [] : [f.run]));
  const found = wanted === undefined ? runs.at(-1) : runs.find((r) => r === wanted);
  if (found !== undefined) return found;
  throw fault('TW6011', {
    ...(wanted === undefined ? {} : { value: wanted }),
    why: [runs.length === 0 ? 'nothing was run here yet' : `the last runs: ${runs.slice(-5).join(', ')}`],
  });
}

/** One NDJSON file of a run that may be handed on: facts, versions, config; secrets taken out. Throws TW6011. */
export async function report(c: Context, args: Args, io: Pick<Io, 'out' | 'machine'>): Promise<Outcome> {
  if (!existsSync(c.stateDir)) throw fault('TW6011', { why: [`there is no ${c.stateDir}`] });
  const journal = c.journal();
  const id = chosen(journal, args['run'] as string | undefined);
  const config = await c.config().then(
    (value) => ({ value }),
    (error: unknown) => ({ problem: problemOf(error) }),
  );
  const facts = factsOf(journal, id);
  const ended = facts.some((f) => f.kind === 'command.end');
  const lines: Json[] = [
    { line: 'report', run: id, at: c.clock.now(), ended, facts: facts.length },
    { line: 'versions', versions: await versions('value' in config ? config.value.infra.binary : undefined) },
    { line: 'config', config: toJson(config) },
    ...facts.map((f) => ({ line: 'fact', ...(toJson(f) as Record<string, Json>) })),
  ];
  const redact = await redactorOf(c);
  const dir = join(c.stateDir, 'reports');
  const path = join(dir, `${id}.ndjson`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(path, lines.map((l) => `${JSON.stringify(redact.json(l))}\n`).join(''), { mode: 0o600 });
  if (!io.machine) io.out(`${path}\n`);
  return { data: { run: id, path, facts: facts.length, ended }, view: { at: c.clock.now(), rows: [] } };
}
