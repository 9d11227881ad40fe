/** One piece of work that ended. Times are Unix milliseconds; ids are hexadecimal and follow from the facts alone. */
export interface Span {
  /** 32 digits. */
  trace: string;
  /** 16 digits, the same each time it is made: who gets it twice can tell. */
  id: string;
  parent?: string;
  name: string;
  start: number;
  end: number;
  attributes: Readonly<Record<string, string | number>>;
  /** Code of what failed; absent = nothing did. */
  error?: string;
  /** Another trace that this one came out of. */
  link?: { trace: string; id: string };
}

/** What a receiver says to spans. */
export interface Taken {
  /** taken; later: the same again; never: these are given up. */
  is: 'taken' | 'later' | 'never';
  /** Why not all of them were taken. */
  why?: string;
}

/** Where spans go. Never throws. */
export interface SpanSink {
  send(spans: readonly Span[], signal: AbortSignal): Promise<Taken>;
}
