import { canoniser } from './canonical.ts';
import { type Bend, Judge, nameOf } from './judge.ts';
import { ACTS, landed, MOVE } from './kinds.ts';
import { C, GREEN, get, isCommittedStage, KINDS, R, type Shape, STAGE, swEpoch, swKind } from './layout.ts';
import { Moves } from './moves.ts';
import { firstRow } from './search.ts';

const STEPS = ['flip', 'soak', 'keep'] as const;
function stageName(stage: number): string {
  if (isCommittedStage(stage)) return `committed, wave ${Math.floor((stage - 1) / 3) + 1}, ${STEPS[(stage - 1) % 3]}`;
  if (stage === STAGE.preparing) return 'preparing';
  if (stage === STAGE.aborting) return 'aborting';
  return stage === STAGE.done ? 'done' : 'rolledback';
}
const swName = (sw: number): string =>
  sw === 0 ? 'v1' : `${['v1 vote', 'v2', 'v1 back'][swKind(sw)]} by epoch ${swEpoch(sw)}`;
const envName = (env: number): string => {
  const words = [...((env & 2) !== 0 ? ['deadlines due'] : []), ...((env & 1) !== 0 ? ['no brake allowed'] : [])];
  return words.length > 0 ? ` (${words.join(', ')})` : '';
};

/** What goes into flight with a round. */
function sent(s: Shape, before: Uint32Array, next: Uint32Array): string {
  const words: string[] = [];
  const fresh = (f: { at: number; mask: number }, i: number): number =>
    get(next[i] as number, f) & ~get(before[i] as number, f);
  if (fresh(R.ahead, 0) !== 0) words.push('the decision to go ahead');
  if (fresh(R.end, 0) !== 0) words.push('the decision to take it back');
  if (get(next[0] as number, R.blind) !== get(before[0] as number, R.blind))
    words.push(`the decision "${stageName(get(next[0] as number, R.blind) - 1)}", its claim is over`);
  for (let c = 0; c < s.clusters; c++) {
    const i = s.first + c * s.per;
    if (fresh(C.leave, i) !== 0) words.push(`the decision to leave ${nameOf(c)} out`);
    const bits = fresh(C.flights, i);
    for (const [k, kind] of KINDS.entries()) if (((bits >> (4 * k)) & 15) !== 0) words.push(`${kind} ${nameOf(c)}`);
  }
  return words.join(', ') || 'nothing new';
}

type Say = (x: { shell: string; c: string; detail: number; sent: () => string }) => string;
const SAY: Readonly<Record<number, Say>> = {
  [MOVE.claim]: (x) => `${x.shell} takes the release over`,
  [MOVE.look]: (x) => `${x.shell} looks at ${x.c} and keeps that view`,
  [MOVE.round]: (x) =>
    `${x.shell} ${x.detail > 3 ? 'reads the register and ' : ''}looks${envName(x.detail)} and sends: ${x.sent()}`,
  [MOVE.act]: (x) => `${x.shell}: ${ACTS[x.detail >> 1]}${(x.detail & 1) === 1 ? ' blue' : ''} ${x.c}`,
  [MOVE.land]: (x) => `at ${x.c} lands: ${landed(x.detail).kind} of epoch ${landed(x.detail).epoch}`,
  [MOVE.ahead]: (x) => `the register takes: ${stageName(x.detail)}`,
  [MOVE.end]: (x) => `the register takes: ${stageName(x.detail)}`,
  [MOVE.leave]: (x) => `the register takes: ${x.c} is left out`,
  [MOVE.blind]: (x) => `the register takes it from the old claim: ${stageName(x.detail)}`,
  [MOVE.fail]: (x) => `green of ${x.c} turns bad: the judge fails it`,
  [MOVE.die]: (x) => `green of ${x.c} turns bad: no pod is ready`,
  [MOVE.cut]: (x) => `${x.c} is cut off`,
  [MOVE.heal]: (x) => `${x.c} is back`,
  [MOVE.lose]: () => 'everything in flight is lost',
  [MOVE.rollback]: () => 'a person asks for a rollback',
  [MOVE.giveUp]: (x) => `a person gives ${x.c} up`,
};

function lane(w: number, c: number): string {
  const green = get(w, C.green);
  const marks = [
    ...(green === GREEN.absent ? [] : [['', 'green ready', 'green fails', 'green dead'][green]]),
    ...(get(w, C.noBlue) === 1 ? ['blue retired'] : []),
    ...(get(w, C.cut) === 1 ? ['cut'] : []),
    ...(get(w, C.braked) === 1 ? ['braked'] : []),
    ...(get(w, C.lagging) === 1 ? ['lagging'] : []),
  ];
  return `${nameOf(c)}: ${[swName(get(w, C.sw)), ...marks].join(', ')}`;
}
/** The end of the story: register and clusters as they are then. */
export function picture(s: Shape, row: Uint32Array): string[] {
  const lanes = Array.from({ length: s.clusters }, (_, c) => lane(row[s.first + c * s.per] as number, c));
  return [`register: ${stageName(get(row[0] as number, R.stage))}, epoch ${get(row[0] as number, R.epoch)}`, ...lanes];
}

/**
 * A path in words. The path holds one state for all its permutations, so it is walked again with real names: from
 * each state the move is taken whose outcome stands for the next one.
 */
export function tell(s: Shape, bend: Bend, path: readonly Uint32Array[]): string[] {
  const canonical = canoniser(s);
  const moves = new Moves(s, new Judge(s, bend), bend.blind?.includes('flip') ?? false);
  let row = firstRow(s);
  const lines: string[] = [];
  for (const [i, goal] of path.slice(1).entries()) {
    let taken: { row: Uint32Array; move: number } | undefined;
    moves.from(row, (next, move) => {
      if (taken !== undefined) return;
      const mine = next.slice();
      const like = next.slice();
      canonical(like);
      const target = goal.slice();
      canonical(target);
      if (like.every((w, k) => w === target[k])) taken = { row: mine, move };
    });
    if (taken === undefined) throw new Error(`no move leads to state ${i + 1} of the path`);
    const { row: next, move } = taken;
    const before = row;
    const say = SAY[move & 31] as Say;
    const text = say({
      shell: `shell ${'ABC'[(move >> 5) & 7]}`,
      c: nameOf((move >> 8) & 15),
      detail: move >> 12,
      sent: () => sent(s, before, next),
    });
    lines.push(`${String(i + 1).padStart(2)}. ${text}`);
    row = next;
  }
  return [...lines, ...picture(s, row).map((l) => `    ${l}`)];
}
