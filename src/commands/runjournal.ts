import type { Journal } from '../kernel/index.ts';

/**
 * A journal whose facts carry this run. A fact that has a run of its own keeps it; that it is a part of
 * this one is written first, so that it is known whatever happens next.
 */
export function runJournal(journal: Journal, run: string): Journal {
  const parts = new Set<string>([run]);
  return {
    ...journal,
    append: (entry) => {
      if (entry.run !== undefined && !parts.has(entry.run)) {
        parts.add(entry.run);
        journal.append({ kind: 'command.part', run, data: { run: entry.run } });
      }
      return journal.append({ run, ...entry });
    },
  };
}
