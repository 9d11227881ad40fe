import {
  C,
  GREEN,
  get,
  hasCommit,
  isGreen,
  isTerminal,
  KIND,
  R,
  type Shape,
  STAGE,
  swEpoch,
  swKind,
} from './layout.ts';

const member = (c: number): boolean => get(c, C.lagging) === 0;
const green = (c: number): boolean => isGreen(get(c, C.sw));

/** Every member's vote stands under this epoch. */
export function allVoted(s: Shape, row: Uint32Array): boolean {
  const epoch = get(row[0] as number, R.epoch);
  for (let i = s.first; i < s.words; i += s.per) {
    const c = row[i] as number;
    if (member(c) && (swKind(get(c, C.sw)) !== KIND.vote || swEpoch(get(c, C.sw)) !== epoch)) return false;
  }
  return true;
}

/** The law that one cluster breaks under this stage of the register. */
function brokenIn(c: number, stage: number): string | undefined {
  if (green(c) && !hasCommit(stage)) return 'I1 green without commit';
  if (get(c, C.noBlue) === 1 && stage !== STAGE.done) return 'I4 blue retired before done';
  if (stage === STAGE.undone && member(c) && green(c)) return 'I2 rolled back, and a member serves green';
  return stage === STAGE.done ? brokenAfterDone(c) : undefined;
}
function brokenAfterDone(c: number): string | undefined {
  if (member(c)) return green(c) ? undefined : 'I3 done, and a member does not serve green';
  return get(c, C.braked) === 1 ? undefined : 'I3 done, and a lagging cluster is not braked';
}

/** Two shells with one claim, or a claim above the register's. */
function twoHolders(s: Shape, row: Uint32Array): boolean {
  let seen = 0;
  for (let i = 1; i <= s.shells; i++) {
    const epoch = get(row[i] as number, R.epoch);
    if (epoch === 0) continue;
    if ((seen & (1 << epoch)) !== 0 || epoch > get(row[0] as number, R.epoch)) return true;
    seen |= 1 << epoch;
  }
  return false;
}

/** I1-I4 and I6 of the design page over one state; I5 is a law over moves (`moves.ts`). `undefined` = all hold. */
export function broken(s: Shape, row: Uint32Array): string | undefined {
  const stage = get(row[0] as number, R.stage);
  for (let i = s.first; i < s.words; i += s.per) {
    const law = brokenIn(row[i] as number, stage);
    if (law !== undefined) return law;
  }
  return twoHolders(s, row) ? 'I6 two holders of one release' : undefined;
}

export const ended = (row: Uint32Array): boolean => isTerminal(get(row[0] as number, R.stage));
/** A shell holds the release, or one may still take it over. */
export function hasShell(s: Shape, row: Uint32Array): boolean {
  const epoch = get(row[0] as number, R.epoch);
  if (epoch < s.epochs) return true;
  for (let i = 1; i <= s.shells; i++) if (get(row[i] as number, R.epoch) === epoch) return true;
  return false;
}

const some = (s: Shape, row: Uint32Array, is: (c: number) => boolean): boolean => {
  for (let i = s.first; i < s.words; i += s.per) if (is(row[i] as number)) return true;
  return false;
};
export const brakedMember = (s: Shape, row: Uint32Array): boolean =>
  some(s, row, (c) => member(c) && get(c, C.braked) === 1);
/** A green that is bad after `done`: its brake has to stay. */
export const badGreen = (s: Shape, row: Uint32Array): boolean =>
  get(row[0] as number, R.stage) === STAGE.done && some(s, row, (c) => get(c, C.green) > GREEN.good);
