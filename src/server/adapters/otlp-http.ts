import { causes } from '../../kernel/index.ts';
import type { Span, SpanSink, Taken } from '../traces/model.ts';
import { type Resource, requestOf } from '../traces/otlp.ts';

const TIMEOUT_MS = 10_000;
/** Answers after which the protocol asks to try again. */
const LATER: readonly number[] = [429, 502, 503, 504];

interface Partial {
  partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string };
}

async function said(r: Response): Promise<Taken> {
  if (!r.ok) {
    const why = `HTTP ${r.status} ${(await r.text()).slice(0, 200)}`.trim();
    return { is: LATER.includes(r.status) ? 'later' : 'never', why };
  }
  const { partialSuccess } = (await r.json().catch(() => ({}))) as Partial;
  const lost = Number(partialSuccess?.rejectedSpans ?? 0);
  return lost === 0 ? { is: 'taken' } : { is: 'taken', why: `${lost} refused: ${partialSuccess?.errorMessage ?? ''}` };
}

export interface Receiver {
  url: string;
  /** Sent with each request, such as a key. */
  headers?: Readonly<Record<string, string>>;
}

/** OTLP over HTTP with JSON, to any receiver that speaks it. */
export function otlpHttp({ url, headers = {} }: Receiver, resource: Resource): SpanSink {
  return {
    send: async (spans: readonly Span[], signal: AbortSignal) => {
      try {
        const r = await fetch(url, {
          method: 'POST',
          redirect: 'error',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(requestOf(spans, resource)),
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        });
        return await said(r);
      } catch (error) {
        return { is: 'later', why: causes(error).join(': ') };
      }
    },
  };
}
