/** A line that a button types for whoever presses it; the gate asks for the rights of that person. */
export interface Button {
  label: string;
  line: string;
  kind: 'go' | 'stop';
}

export interface CardRow {
  mark: string;
  label: string;
  cells: string;
}

/** The one message of a command: plain words, most of them from outside, never markup. */
export interface CardView {
  /** Card and revision of it: the same card later has a higher one. */
  id: string;
  revision: number;
  /** As typed. */
  line: string;
  account: string;
  mark: string;
  state: string;
  rows: readonly CardRow[];
  /** Rows that are not shown. */
  more: number;
  /** Reasons and what would pass. */
  notes: readonly string[];
  buttons: readonly Button[];
}
