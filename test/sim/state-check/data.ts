import { LETTERS, type Voter } from './layout.ts';
import { dropReplicas, redisOf, setRedis } from './redis.ts';
import { restoredIn } from './store.ts';
import { ackOf, type State, type Write, withAck } from './world.ts';

export interface Send {
  begin(): State;
  send(s: State, say: () => string, law?: string): void;
}

/** Replication and acknowledgements of one replica; `loud`: wrong design, also of a newcomer. */
export function replicate(s: State, v: Voter, out: Send, loud: boolean): void {
  const r = redisOf(s, v);
  if (r.role !== 1 || r.target === v) return;
  const t = r.target;
  const to = redisOf(s, t);
  if (!r.attached) return attach(out, v, t);
  if (r.log.length < to.log.length) {
    const next = out.begin();
    setRedis(next, v, { log: to.log.slice(0, r.log.length + 1) });
    out.send(next, () => `Redis ${v} receives ${to.log[r.log.length]} from ${t}`);
  }
  if ((loud || !r.quiet) && ackOf(s.acks, t, v) < r.log.length) {
    const next = out.begin();
    next.acks = withAck(next.acks, { to: t, from: v }, r.log.length);
    out.send(next, () => `Redis ${t} hears from ${v}: ${r.log.length}`);
  }
}

/** A log that goes on where it ended is continued; else everything is copied. */
function attach(out: Send, v: Voter, t: Voter): void {
  const s = out.begin();
  const to = redisOf(s, t);
  if (to.role === 0 || (to.role === 1 && (!to.attached || to.target === v))) return;
  const [mine, theirs] = [redisOf(s, v).log, redisOf(s, t).log];
  const whole = mine !== '' && theirs.startsWith(mine);
  setRedis(s, v, whole ? { attached: true } : { attached: true, log: theirs });
  if (!whole) dropReplicas(s, v);
  s.acks = withAck(s.acks, { to: t, from: v }, 0);
  out.send(s, () => `Redis ${v} attaches to ${t}${whole ? '' : ', full sync'}`);
}

/** `observer`: wrong design, a replica that is no voter counts. */
export function clients(s: State, out: Send, observer: boolean): void {
  for (const [i, w] of s.writes.entries()) {
    if (w.is === '-' && s.writes[i - 1]?.is !== '-') write(s, i, out);
    if (w.is === 'p') wait(s, i, { w, out, observer });
  }
}

function setWrite(s: State, i: number, w: Write): void {
  s.writes = s.writes.with(i, w);
}

function write(s: State, i: number, out: Send): void {
  const letter = LETTERS[i] as string;
  for (let v = 0; v < s.redises.length; v++) {
    const { role, log, epoch } = redisOf(s, v);
    if (role !== 3) continue;
    const next = out.begin();
    setRedis(next, v, { log: log + letter });
    const late = restoredIn(s.store, Infinity) > epoch ? { late: true as const } : {};
    setWrite(next, i, { is: 'p', voter: v, offset: log.length + 1, epoch, ...late });
    out.send(next, () => `a client writes ${letter} on ${v} (epoch ${epoch})`);
  }
}

const neededIn = (s: State, epoch: number): number =>
  s.store.versions.findLast((v) => v.epoch?.epoch === epoch)?.epoch?.w ?? 1;

function wait(s: State, i: number, x: { w: Extract<Write, { is: 'p' }>; out: Send; observer: boolean }): void {
  const { voter, offset, epoch } = x.w;
  const r = redisOf(s, voter);
  if (r.role !== 3) return;
  const others = s.redises.map((_, f) => f).filter((f) => f !== voter && ackOf(s.acks, voter, f) >= offset);
  if (others.length + (x.observer ? 1 : 0) < neededIn(s, epoch)) return;
  const next = x.out.begin();
  setWrite(next, i, { is: 'A', epoch });
  const there = r.log[offset - 1] === LETTERS[i] && r.epoch === epoch;
  x.out.send(
    next,
    () => `write ${LETTERS[i]} of epoch ${epoch} is acknowledged on ${voter}`,
    x.w.late === true
      ? 'I8 a write is acknowledged that was made after its data had been replaced'
      : there
        ? undefined
        : 'I6 a write is acknowledged that is not there, or by another primacy',
  );
}
