import type { Fact } from '../../kernel/index.ts';

/** A command from its first fact on. */
interface Begun {
  verb: string;
  door: string;
  /** Unix milliseconds. */
  since: number;
  /** W3C trace context of who asked for it over HTTP. */
  traceparent: string | undefined;
}
export interface EndedCommand extends Begun {
  run: string;
  at: number;
  exit: number;
}

/** Commands that never tell their end are not remembered for ever. */
const MOST = 500;

/** Commands that ended, of every door. A wish over HTTP and the run it becomes are one command. */
export function endedCommands(): (f: Fact) => EndedCommand[] {
  const open = new Map<string, Begun>();
  const begin = (run: string, f: Fact, door: string): EndedCommand[] => {
    if (open.has(run)) return [];
    const { verb, traceparent } = f.data as { verb: string; traceparent?: string };
    open.set(run, { verb, door, since: f.at, traceparent });
    const [oldest] = open.keys();
    if (open.size > MOST && oldest !== undefined) open.delete(oldest);
    return [];
  };
  const end = (run: string, f: Fact): EndedCommand[] => {
    const begun = open.get(run);
    if (begun === undefined) return [];
    open.delete(run);
    const { exit } = f.data as { exit: number };
    return [{ ...begun, run, at: f.at, exit }];
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
