/** View primitives: plain data, JSON-safe; no functions, colours or widths (experience.md section 3). */
export type Tone = 'ok' | 'bad' | 'busy' | 'wait' | 'warn' | 'off' | 'unknown';

/** What a tone looks like where there is no colour. */
export const SIGN: Readonly<Record<Tone, string>> = {
  ok: '✓',
  bad: '✗',
  busy: '●',
  wait: '○',
  warn: '!',
  off: '–',
  unknown: '?',
};

/** `untrusted` marks text from outside (pods, clouds, people): renderers must clean it. */
export type Span = { t: 'text' | 'code' | 'untrusted'; s: string } | { t: 'time'; ms: number };

export interface Row {
  key: string;
  tone: Tone;
  label: Span[];
  cells: Record<string, Span[]>;
  since?: number;
  why?: Span[];
  kids: Row[];
}
export interface View {
  at: number;
  rows: Row[];
}

export const text = (s: string): Span => ({ t: 'text', s });
export const code = (s: string): Span => ({ t: 'code', s });
export const untrusted = (s: string): Span => ({ t: 'untrusted', s });
