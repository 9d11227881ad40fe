import type { Look } from '../../../src/state/model.ts';
import { markOf, type Redis, type Voter } from './layout.ts';
import { type State, withAck } from './world.ts';

/** What a Redis does when it is told, in the world's drafts. */
export interface RedisBend {
  /** Wrong: a fence leaves the clients' connections alone. */
  keepClients?: true;
  /** Wrong: a fence leaves the connections of a dead agent alone. */
  keepAgents?: true;
}

const ROLES = ['fenced', 'replica', 'primary', 'primary'] as const;
export const redisOf = (s: State, v: Voter): Redis => s.redises[v] as Redis;
export function setRedis(s: State, v: Voter, change: Partial<Redis>): void {
  s.redises[v] = { ...redisOf(s, v), ...change };
}

export const lookAt = (s: State, v: Voter): Look => lookOf(redisOf(s, v));
export function lookOf(r: Redis): Look {
  const marker = markOf(r.log);
  return {
    run: `r${r.run}`,
    role: ROLES[r.role] as Look['role'],
    link: r.attached,
    offset: r.log.length,
    ...(marker === 0 ? {} : { marker: { epoch: marker, w: 0 } }),
    loading: false,
    syncing: false,
    replicas: 0,
    virgin: r.log === '',
  };
}

/** Everything attached to `v` falls off, and what it heard from them is void. */
export function dropReplicas(s: State, v: Voter): void {
  for (let f = 0; f < s.redises.length; f++) {
    if (redisOf(s, f).target === v && redisOf(s, f).attached) setRedis(s, f, { attached: false });
    if (f !== v) s.acks = withAck(s.acks, { to: v, from: f }, 0);
  }
}
function killClients(s: State, v: Voter): void {
  if (s.writes.some((w) => w.is === 'p' && w.voter === v))
    s.writes = s.writes.map((w) => (w.is === 'p' && w.voter === v ? { is: 'U' as const } : w));
}

export function fenceRedis(s: State, v: Voter, bend: RedisBend): void {
  const late = bend.keepAgents === true ? redisOf(s, v).late : '';
  setRedis(s, v, { role: 0, epoch: 0, target: -1, quiet: false, attached: false, late });
  dropReplicas(s, v);
  if (bend.keepClients !== true) killClients(s, v);
}

/** `A<e>` REPLICAOF NO ONE, `M<e>` marker, `O<e>` writes on, `F<e><t>` REPLICAOF t, `Q<e><t>` the same as no voter. */
export function command(s: State, v: Voter, c: string): void {
  const r = redisOf(s, v);
  const epoch = Number(c[1]);
  if (c[0] === 'A') {
    if (r.role < 2) dropReplicas(s, v);
    setRedis(s, v, { role: Math.max(r.role, 2), epoch, target: -1, attached: false });
  } else if (c[0] === 'M') {
    if (r.role >= 2) setRedis(s, v, { log: r.log + String(epoch) });
  } else if (c[0] === 'O') {
    if (r.role >= 2) setRedis(s, v, { role: 3 });
  } else {
    setRedis(s, v, { role: 1, epoch, target: Number(c[2]), quiet: c[0] === 'Q', attached: false });
    dropReplicas(s, v);
  }
}

/** A new process in the same place: fenced, no clients, nothing on its way. */
export function restart(s: State, v: Voter, log: string): void {
  fenceRedis(s, v, {});
  setRedis(s, v, { run: redisOf(s, v).run + 1, log, late: '' });
}
