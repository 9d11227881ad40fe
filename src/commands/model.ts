import type { Json, Problem, View } from '../kernel/index.ts';
import type { Facts } from './access/machine/facts.ts';

/** look: reads only. forward: changes the world. safe: makes it safer. decide: votes on a plan. rule: sets policy. */
export type CommandKind = 'look' | 'forward' | 'safe' | 'decide' | 'rule';

/** What the value of an argument may be: plain data, so that help loads no schema library. */
export type ArgType =
  | { is: 'text'; needed?: boolean; initial?: string }
  | { is: 'list'; needed?: boolean }
  | { is: 'int'; min: number; max?: number; initial?: number }
  | { is: 'flag' };

/** Where completion finds values: fixed words, or live names of the project. */
export type ValueSource = readonly string[] | 'on' | 'cluster' | 'app' | 'fleet' | 'host' | 'code' | 'target' | 'place';

/** A positional argument or an option, as data: help, docs and completion are made from it. */
export interface ArgSpec {
  /** camelCase name in the parsed arguments; the flag is its kebab-case form. */
  name: string;
  help: string;
  type: ArgType;
  /** Positional: in the order of the list. `rest` takes all that follow. */
  position?: 'one' | 'optional' | 'rest';
  /** One letter. */
  short?: string;
  /** Placeholder in help, such as `<cluster>`. */
  value?: string;
  from?: ValueSource;
}

/** One verb of the command table: pure data, so that help costs no adapter. */
export interface CommandSpec {
  verb: string;
  summary: string;
  kind: CommandKind;
  args: readonly ArgSpec[];
  examples: readonly string[];
  /** `kind` of the result document. */
  result: string;
  hidden?: boolean;
  /** It needs the terminal or the files of the machine it is typed on: no other door has it. */
  only?: 'terminal';
  /** Removes something: wants the right `destroy` too. */
  destroys?: boolean;
  /** Touches this machine alone or nothing: no right is asked, nothing is recorded. */
  free?: boolean;
}

export type Args = Readonly<Record<string, unknown>>;

export interface Missing {
  cluster: string;
  why: string;
}

/** What a handler returns; `view` is for people, `data` for machines: the same facts. */
export interface Outcome {
  data: Json;
  view: View;
  missing?: readonly Missing[];
  warnings?: readonly Problem[];
  /** The data was streamed already (NDJSON): no document follows. */
  streamed?: boolean;
  /** Of a dry run: what would be done, for persons who must agree to it. */
  would?: { id: string; facts: Facts };
  /** Set when the result is an answer but not a full success (partial, difference). */
  exit?: Problem['exit'];
  /** A failure that still has a result worth showing. */
  problem?: Problem;
}

export interface Meta {
  verb: string;
  at: string;
  ms: number;
}
/** Exactly one of these is printed on stdout with -o json or yaml. */
export type Document =
  | {
      apiVersion: 'tradewind/v1';
      kind: string;
      data: Json;
      missing: readonly Missing[];
      warnings: readonly Problem[];
      meta: Meta;
      problem?: Problem;
    }
  | { apiVersion: 'tradewind/v1'; kind: 'Problem'; problem: Problem; meta: Meta };
