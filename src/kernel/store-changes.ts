import type { StoreView } from './store.ts';

interface Changes {
  view(): Promise<StoreView>;
  /** `wake` says that something may have changed; returns what ends it. */
  subscribe(wake: () => void): () => void;
  signal: AbortSignal;
}

const stamp = (v: StoreView): string => v.entries.map((e) => `${e.key}\n${e.revision}`).join('\n\n');

/** A view at the start, then one for every wake that changed it; wakes that come while the reader is busy are one. */
export async function* changes(c: Changes): AsyncGenerator<StoreView, void, undefined> {
  let woken = true;
  let go: () => void = () => undefined;
  const wake = (): void => {
    woken = true;
    go();
  };
  const end = c.subscribe(wake);
  c.signal.addEventListener('abort', wake);
  let last: string | undefined;
  try {
    while (!c.signal.aborted) {
      if (!woken) await new Promise<void>((done) => (go = done));
      if (c.signal.aborted) return;
      woken = false;
      const view = await c.view();
      if (c.signal.aborted) return;
      const now = stamp(view);
      if (now !== last) yield view;
      last = now;
    }
  } finally {
    end();
    c.signal.removeEventListener('abort', wake);
  }
}
