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
  by: string;
  mark: string;
  state: string;
  rows: readonly CardRow[];
  /** Rows that are not shown. */
  more: number;
  /** Reasons and what would pass. */
  notes: readonly string[];
  buttons: readonly Button[];
  /** Set while the card is about one release. */
  release?: CardRelease;
  /** Set while the card says how a version of an app fares. */
  check?: CardCheck;
}

/** How a version fares, as platforms that know checks of commits show it. */
export interface CardCheck {
  /** The release; the approval where it has not begun. */
  of: string;
  app: string;
  version: string;
  state: 'in_progress' | 'success' | 'failure' | 'neutral' | 'action_required';
  /** Words of ours that go on `app@version`. */
  say: string;
}

/** A release as platforms that know deployments show it. */
export interface CardRelease {
  id: string;
  app: string;
  version: string;
  clusters: readonly { name: string; state: 'queued' | 'in_progress' | 'success' | 'failure' }[];
}

/** What goes wrong in the chat lab on purpose. */
export interface LabSwitches {
  /** Nothing comes in, nothing goes out. */
  outage: boolean;
  /** Everything takes 5 s. */
  slow: boolean;
  /** Every write is answered "not now" (429). */
  limited: boolean;
  /** Every line is delivered twice. */
  duplicate: boolean;
  /** Of two lines the second is delivered first. */
  reorder: boolean;
}

export type LabEntry =
  | {
      is: 'line';
      id: string;
      at: number;
      from: string;
      text: string;
      /** Label of the button that typed it. */
      pressed?: string;
      /** talk: no command. waits: not delivered yet. */
      state: 'talk' | 'waits' | 'taken';
      /** How often it was delivered. */
      copies: number;
    }
  | { is: 'card'; id: string; at: number; edits: number; card: CardView };

/** The room of the lab as everybody in it sees it, oldest first. */
export interface LabView {
  room: string;
  persons: readonly string[];
  switches: LabSwitches;
  entries: readonly LabEntry[];
  /** Writes that the platform refused since it last took one. */
  refused: number;
}
