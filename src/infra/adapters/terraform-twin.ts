import type { RootId, RunRef, Verb } from '../model.ts';
import type { QueryResult, RunHandle, RunResult, RunSpec, TerraformPort } from '../ports.ts';
import { parseLine, type TfEvent } from '../stream.ts';

/** A recorded run: the lines of its stream and its exit code. */
interface Recording {
  lines: readonly string[];
  code: number;
  stderr?: string;
  /** Waits before its last line until it is interrupted or let go; then these lines and this code. */
  interrupted?: { lines: readonly string[]; code: number };
}
/** Which recording a run plays: the first that is left for this root and verb. */
export type Playlist = Record<`${RootId} ${Verb}`, Recording[]>;

interface Playing {
  ref: RunRef;
  recording: Recording;
  interrupts: number;
  over: boolean;
  /** Ends the wait of a slow recording: true = interrupted. */
  release: (interrupted: boolean) => void;
  released: Promise<boolean>;
}

/** In-memory twin of the runner: replays recorded streams. `interrupts` counts the signals sent. */
export function replayTerraform(
  playlist: Playlist,
  queries: Readonly<Record<string, QueryResult>> = {},
): TerraformPort & { interrupts(root: RootId): number; letGo(root: RootId): void; started: RunSpec[] } {
  const playing: Playing[] = [];
  const started: RunSpec[] = [];
  const find = (root: RootId): Playing | undefined => playing.findLast((p) => p.ref.root === root);
  return {
    started,
    start: async (spec) => {
      started.push(spec);
      const recording = playlist[`${spec.root} ${spec.verb}`]?.shift() ?? { lines: [], code: 0 };
      const p = playingOf(spec, recording, playing.length + 1);
      playing.push(p);
      return handle(p, false);
    },
    attach: async (ref) => {
      const p = playing.find((x) => x.ref.pid === ref.pid);
      if (p === undefined) throw new Error('no such run');
      return handle(p, true);
    },
    alive: (ref) => playing.some((p) => p.ref.pid === ref.pid && !p.over),
    query: async (root, args) => queries[`${root} ${args[0] ?? ''}`] ?? { code: 1, stdout: '', stderr: 'not recorded' },
    interrupts: (root) => find(root)?.interrupts ?? 0,
    letGo: (root) => find(root)?.release(false),
  };
}

function playingOf(spec: RunSpec, recording: Recording, pid: number): Playing {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const { run, root, verb } = spec;
  const ref: RunRef = { run, root, verb, host: 'twin', pid, pidStarted: String(pid), eventsFile: `${run}/${root}` };
  return { ref, recording, interrupts: 0, over: false, release: resolve, released: promise };
}

/** The lines a run has by its end, and its code. */
async function ending(p: Playing): Promise<{ tail: readonly string[]; code: number }> {
  const { interrupted, lines, code } = p.recording;
  const stopped = interrupted !== undefined && (await p.released);
  p.over = true;
  return stopped ? { tail: interrupted.lines, code: interrupted.code } : { tail: lines.slice(-1), code };
}

function handle(p: Playing, attached: boolean): RunHandle {
  const end = ending(p);
  const { promise: left, resolve: leave } = Promise.withResolvers<undefined>();
  async function* events(): AsyncIterable<TfEvent> {
    for (const line of p.recording.lines.slice(0, -1)) yield parseLine(line);
    const last = await Promise.race([end, left]);
    for (const line of last?.tail ?? []) yield parseLine(line);
  }
  const finished = end.then((e): RunResult => ({ code: attached ? null : e.code, stderr: p.recording.stderr ?? '' }));
  return {
    ref: p.ref,
    events: events(),
    interruptOnce: () => {
      if (p.interrupts > 0 || p.over) return;
      p.interrupts++;
      p.release(true);
    },
    detach: () => leave(undefined),
    done: Promise.race([finished, left.then((): RunResult => ({ code: null, stderr: '', detached: true }))]),
  };
}
