import { duration, type Row, type Span, type Tone, text, untrusted, type View } from '../kernel/index.ts';
import type { InfraEvent, RootEvent, RootState } from './model.ts';

const TONE: Readonly<Record<RootState, Tone>> = {
  queued: 'wait',
  deferred: 'wait',
  initialising: 'busy',
  planning: 'busy',
  planned: 'wait',
  locking: 'busy',
  applying: 'busy',
  verifying: 'busy',
  draining: 'busy',
  destroying: 'busy',
  sweeping: 'busy',
  unchanged: 'ok',
  ready: 'ok',
  gone: 'off',
  partial: 'warn',
  failed: 'bad',
  leftovers: 'bad',
  interrupted: 'warn',
  detached: 'warn',
};

/** Latest event of each root, in the order in which roots were first heard of. */
export type InfraFold = ReadonlyMap<string, RootEvent>;

export function foldInfra(fold: InfraFold, e: InfraEvent): InfraFold {
  return e.type === 'end' ? fold : new Map(fold).set(e.root, e);
}

/** `usually 6 min` until it is over, then `longer than usual`. */
function expectation(e: RootEvent): Span[] {
  if (e.usuallyMs === undefined || TONE[e.state] !== 'busy') return [];
  return [
    text(
      e.elapsedMs > e.usuallyMs * 1.2
        ? `longer than usual (${duration(e.usuallyMs)})`
        : `usually ${duration(e.usuallyMs)}`,
    ),
  ];
}

/** `module.this.aws_eks_cluster.this` → `aws_eks_cluster.this` */
const short = (address: string): string => address.replace(/^module\.this\./, '');

function row(e: RootEvent): Row {
  const why = e.problem === undefined ? [] : [untrusted(e.problem.why[0] ?? e.problem.title)];
  return {
    key: e.root,
    tone: TONE[e.state],
    label: [text(e.cluster ?? e.root.replace(/^zone:/, 'zone '))],
    cells: {
      phase: [text(e.phase)],
      units: e.planned === 0 ? [] : [text(`${e.done}/${e.planned}`)],
      time: [{ t: 'time', ms: e.elapsedMs }],
      usual: expectation(e),
      now: e.address === undefined ? [] : [untrusted(short(e.address))],
      note: e.note === undefined ? [] : [untrusted(e.note)],
    },
    ...(why.length === 0 ? {} : { why }),
    kids: [],
  };
}

/** One row per root. */
export function infraView(fold: InfraFold, at: number): View {
  return { at, rows: [...fold.values()].map(row) };
}
