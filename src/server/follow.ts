import { type Json, toJson, type View } from '../kernel/index.ts';
import type { RunInfo } from './model.ts';
import type { AppParts, Http1 } from './parts.ts';
import type { Request, Result, Run, RunRegistry } from './runs.ts';
import { BEAT_MS, Bell, send } from './stream.ts';

/** A reader that lets so much pile up is let go. Characters. */
const MOST_PENDING = 8_000_000;

/** Whoever asks wants to see it happen: progress, then the end. */
export const wantsEvents = (c: Http1): boolean => (c.req.header('accept') ?? '').includes('text/event-stream');

/** What a terminal needs to show the answer as its own. */
const endOf = ({ document, exit, view, lines }: Result): Json =>
  toJson({ document, exit, view: view ?? null, streamed: lines !== undefined });

type Stream = Parameters<typeof send>[0];

/** A command as it happens, from where the reader saw it last; a lost reader changes nothing for the command. */
export function followRun(c: Http1, p: AppParts, o: { run: string; journalled(): RunInfo }): Response {
  const bell = new Bell();
  const live = p.runs.follow(o.run, () => bell.wake());
  if (live === undefined) {
    const info = o.journalled();
    return p.streams.pour(c, async (s) => await send(s, 'gone', { ...info, view: null }));
  }
  const last = Number(c.req.header('last-event-id') ?? 0);
  return p.streams.pour(c, async (s) => {
    s.onAbort(() => bell.wake());
    try {
      await send(s, 'run', { ...live.told().info, view: null });
      await tellRun(s, bell, { told: live.told, seen: Number.isSafeInteger(last) ? last : 0 });
    } finally {
      live.off();
    }
  });
}

type Followed = NonNullable<ReturnType<RunRegistry['follow']>>;

async function tellRun(s: Stream, bell: Bell, from: { told: Followed['told']; seen: number }): Promise<void> {
  let { seen } = from;
  while (!s.aborted) {
    const { seq, info, asked, result } = from.told();
    if (seq > seen && info.view !== null && result === undefined) await send(s, 'view', info.view, seq);
    if (seq > seen && asked !== undefined) await send(s, 'ask', { id: asked.id, ...asked.question }, seq);
    seen = Math.max(seen, seq);
    if (result !== undefined) return await send(s, 'end', endOf(result), seq);
    if (!(await bell.wait(BEAT_MS))) await s.write(': beat\n\n');
  }
}

/** A look as it happens; it ends when its reader leaves or the server stops. */
export function followLook(c: Http1, p: AppParts, request: Request, more: Pick<Run, 'context'>): Response {
  return p.streams.pour(c, async (s) => {
    const [bell, stop] = [new Bell(), new AbortController()];
    const end = (): void => {
      stop.abort();
      bell.wake();
    };
    s.onAbort(end);
    p.stopping.addEventListener('abort', end);
    const seen: { view?: View; text: string; result?: Result } = { text: '' };
    const out = (text: string): void => {
      seen.text += text;
      if (seen.text.length > MOST_PENDING) s.abort();
      bell.wake();
    };
    const show = (view: View): void => {
      seen.view = view;
      bell.wake();
    };
    const done = p.runs.run(request, { show, out, signal: stop.signal, ...more }).then((r) => {
      // Streamed text went its own way; only that it did matters.
      seen.result = r;
      bell.wake();
    });
    try {
      await tellLook(s, bell, seen);
    } finally {
      end();
      p.stopping.removeEventListener('abort', end);
      await done;
    }
  });
}

async function tellLook(s: Stream, bell: Bell, seen: { view?: View; text: string; result?: Result }): Promise<void> {
  while (!s.aborted) {
    const { view, text, result } = seen;
    delete seen.view;
    seen.text = '';
    if (text !== '') await send(s, 'out', JSON.stringify(text));
    if (view !== undefined && result === undefined) await send(s, 'view', view);
    if (result !== undefined) return await send(s, 'end', endOf(result));
    if (!(await bell.wait(BEAT_MS))) await s.write(': beat\n\n');
  }
}
