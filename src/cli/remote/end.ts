import type { Document, Outcome } from '../../commands/index.ts';
import { type ExitCode, fault, TwError, type View } from '../../kernel/index.ts';

/** How a command ended, as the server sends it. */
export interface Ended {
  document: Document;
  exit: ExitCode;
  view: View | null;
  streamed: boolean;
}

/** A run that the server knows from its journal alone. */
export interface Gone {
  run: string;
  verb: string;
  state: 'running' | 'done' | 'failed' | 'lost';
  exit: number | null;
  problems: readonly string[];
}

/** The outcome as if it had happened here. Throws what the verb threw. */
export function outcomeOf({ document: d, exit, view, streamed }: Ended): Outcome {
  if (!('data' in d)) throw new TwError(d.problem);
  return {
    data: d.data,
    view: view ?? { at: Date.parse(d.meta.at), rows: [] },
    missing: d.missing,
    warnings: d.warnings,
    exit,
    ...(d.problem === undefined ? {} : { problem: d.problem }),
    ...(streamed ? { streamed } : {}),
  };
}

/** The run is not of this server's process any more: what its journal knows, said as it is. */
export function goneFault(g: Gone): Error {
  if (g.state === 'running')
    return fault('TW8036', {
      value: `${g.verb} ${g.run}`,
      why: ['another process runs it; its progress is not told here'],
      fix: [{ say: 'Look again:', command: `tw attach ${g.run}` }],
    });
  if (g.state === 'lost')
    return fault('TW8028', {
      value: `${g.verb} ${g.run}`,
      why: ['the server ended in the middle of it; another one answers now'],
      fix: [
        { say: 'See what stands:', command: 'tw status' },
        { say: 'Finish what it began:', command: 'tw resume' },
      ],
    });
  const codes = g.problems.length === 0 ? '' : ` (${g.problems.join(', ')})`;
  return fault('TW8037', {
    value: `${g.verb} ${g.run}`,
    why: [`it ended with ${g.exit ?? 'no exit code'}${codes}, says the journal; the server was started anew since`],
    fix: [{ say: 'See what stands:', command: 'tw status' }],
  });
}
