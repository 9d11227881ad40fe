import type { Fact } from '../../../kernel/index.ts';
import type { Sample } from '../definitions.ts';

interface Begun {
  verb: string;
  door: string;
  at: number;
}

/** Commands that never tell their end are not remembered for ever. */
const MOST = 500;

/** Commands that ended, of every door. A wish over HTTP and the run it becomes are one command. */
export function commandSamples(): (f: Fact) => Sample[] {
  const open = new Map<string, Begun>();
  const begin = (run: string, f: Fact, door: string): Sample[] => {
    if (open.has(run)) return [];
    const { verb } = f.data as { verb: string };
    open.set(run, { verb, door, at: f.at });
    const [oldest] = open.keys();
    if (open.size > MOST && oldest !== undefined) open.delete(oldest);
    return [];
  };
  const end = (run: string, f: Fact): Sample[] => {
    const b = open.get(run);
    if (b === undefined) return [];
    open.delete(run);
    const { exit } = f.data as { exit: number };
    const { verb, door } = b;
    return [
      { name: 'commands_total', labels: { verb, door, result: String(exit) }, value: 1 },
      { name: 'command_duration_seconds', labels: { verb, door }, value: (f.at - b.at) / 1000 },
    ];
  };
  return (f) => {
    if (f.run === undefined) return [];
    switch (f.kind) {
      case 'http.command':
        return begin(f.run, f, 'http');
      case 'command.start':
        return begin(f.run, f, (f.data as { door?: string }).door ?? 'cli');
      case 'command.end':
      case 'http.end':
        return end(f.run, f);
      default:
        return [];
    }
  };
}
