import type { Span } from './model.ts';

type Value = { stringValue: string } | { intValue: string } | { doubleValue: number };
interface Attribute {
  key: string;
  value: Value;
}
export interface Resource {
  fleet: string;
  version: string;
}

const valueOf = (v: string | number): Value => {
  if (typeof v === 'string') return { stringValue: v };
  return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v };
};
const attributesOf = (all: Readonly<Record<string, string | number>>): Attribute[] =>
  Object.entries(all).map(([key, v]) => ({ key, value: valueOf(v) }));

/** Milliseconds as the nanoseconds that the protocol wants: a number of JSON would not hold them. */
const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1000)) * 1000n);

const INTERNAL = 1;
const ERROR = 2;

function spanOf(s: Span): object {
  return {
    traceId: s.trace,
    spanId: s.id,
    ...(s.parent === undefined ? {} : { parentSpanId: s.parent }),
    name: s.name,
    kind: INTERNAL,
    startTimeUnixNano: nanos(s.start),
    endTimeUnixNano: nanos(Math.max(s.start, s.end)),
    attributes: attributesOf(s.attributes),
    ...(s.link === undefined ? {} : { links: [{ traceId: s.link.trace, spanId: s.link.id }] }),
    status: s.error === undefined ? {} : { code: ERROR, message: s.error },
  };
}

/** ExportTraceServiceRequest of OTLP 1.x as JSON: ids in hexadecimal, 64-bit numbers as text. */
export const requestOf = (spans: readonly Span[], r: Resource): object => ({
  resourceSpans: [
    {
      resource: {
        attributes: attributesOf({
          'service.name': 'tradewind',
          'service.version': r.version,
          'tradewind.fleet': r.fleet,
        }),
      },
      scopeSpans: [{ scope: { name: 'tradewind', version: r.version }, spans: spans.map(spanOf) }],
    },
  ],
});
