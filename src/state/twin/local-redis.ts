import { unfit } from '../fit.ts';
import type { Done, Fenced, Unconfirmed } from '../model.ts';
import type { LocalRedis } from '../ports.ts';
import type { TwinConnection, TwinRedis } from './redis.ts';

/** LocalRedis over a Redis in memory. */
export function twinLocalRedis(redis: TwinRedis): LocalRedis {
  let on: TwinConnection | undefined;
  const agent = (): TwinConnection => {
    if (on === undefined || on.closed || on.run !== redis.run) on = redis.login('agent');
    return on;
  };
  const careful = async <T>(work: () => T): Promise<T | Unconfirmed> => {
    try {
      agent();
      return work();
    } catch (error) {
      return { is: 'unconfirmed', why: String(error) };
    }
  };
  return {
    look: async () => {
      agent();
      return redis.look();
    },
    fence: () =>
      careful((): Fenced => {
        redis.cutAgents(agent());
        redis.fence();
        return { is: 'fenced', look: redis.look() };
      }),
    promote: (v, run) =>
      careful((): Done => {
        const why = unfit(redis.look(), v, run);
        if (why !== undefined) return { is: 'refused', why };
        redis.role = 'primary';
        if (redis.marker?.epoch !== v.epoch) redis.mark(`${v.epoch}:${v.w}`);
        redis.minReplicas = v.w;
        redis.writers = true;
        return { is: 'done' };
      }),
    follow: (_, run, port) =>
      careful((): Done => {
        if (redis.run !== run) return { is: 'refused', why: 'another process answers' };
        if (redis.role === 'primary') return { is: 'refused', why: 'it is primary: fence it first' };
        redis.follow(port);
        return { is: 'done' };
      }),
    save: () =>
      careful((): Fenced | Unconfirmed => {
        if (redis.role !== 'fenced') return { is: 'unconfirmed', why: `role is ${redis.role}` };
        redis.disk = [...redis.log];
        return { is: 'fenced', look: redis.look() };
      }),
    shutdown: async () => {
      agent();
      redis.stop();
    },
    pause: async (ms) => {
      agent();
      redis.unpause();
      redis.pausedUntil = ms > 0 ? new Promise((resolve) => (redis.unpause = resolve)) : undefined;
    },
  };
}
