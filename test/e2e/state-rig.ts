import { join } from 'node:path';
import { expect } from 'vitest';
import { check, type Verdict, type Write } from '../sim/state-chaos/checker.ts';
import { eventually, type Rig, ROOT, visits } from './rig.ts';

export const CLUSTERS = ['sao', 'mtl', 'syd'] as const;
const HOST = 'guestbook.demo.tradewind.example';
const NAMESPACE = 'state-guestbook';

export interface StateData {
  home: string | null;
  copies: number;
  epoch: number;
  clusters: { name: string; role: string; lagMs?: number; epoch?: number; via?: string; why?: string }[];
  story: string[];
}
export interface Load {
  /** `why`: what was answered instead of yes. */
  writes: (Write & { why?: string })[];
  gap: { ms: number; from: number };
}
export interface Story extends Verdict {
  by: Record<string, Load>;
  failed: Write[];
}

/** The guestbook's one list in three clouds, and what can be done to it. */
export class StateRig {
  readonly rig: Rig;
  /** Clusters with a copy. */
  readonly copies: readonly string[];
  constructor(rig: Rig, copies: readonly string[] = CLUSTERS) {
    this.rig = rig;
    this.copies = copies;
  }

  async state(): Promise<StateData> {
    return (await this.rig.json('state', 'status')).data as StateData;
  }
  /** All copies are in step. */
  whole(): Promise<StateData> {
    return eventually(90_000, async () => {
      const now = await this.state();
      expect(now, JSON.stringify(now)).toMatchObject({ copies: this.copies.length });
      return now;
    });
  }
  async chaos(...words: string[]): Promise<void> {
    const done = await this.rig.tw('sandbox', 'chaos', ...words);
    expect(done.code, done.stderr).toBe(0);
  }
  async kubectl(cluster: string, ...args: string[]): Promise<string> {
    const ran = await this.rig.kubectl(cluster, '-n', NAMESPACE, ...args);
    expect(ran.code, ran.stderr).toBe(0);
    return ran.stdout;
  }
  async push(from: string, value: string): Promise<number> {
    return (await visits(this.rig, from, '--path', `/rpush/guestbook/${value}?last=1`))[0]?.status ?? 0;
  }
  /** The list as users of a region read it. */
  async read(from: string): Promise<string[]> {
    const [seen] = await visits(this.rig, from, '--path', '/lrange/guestbook', '--body');
    return JSON.parse(seen?.body ?? '[]') as string[];
  }

  /** Writers of one region for a while; as many connections as that many writes per second need over oceans. */
  async writers(from: string, x: { name: string; seconds: number; rate?: number }): Promise<Load> {
    const { name, seconds, rate = 30 } = x;
    const [first] = await visits(this.rig, from, '--times', '1');
    const script = join(ROOT, 'test', 'e2e', 'writers.ts');
    const figures = [Math.max(10, Math.ceil(rate / 2)), rate, seconds].map(String);
    const args = [script, first?.answeredBy ?? '', HOST, `${name}-${from}`, ...figures];
    const ran = await this.rig.tw('sandbox', 'enter', `users-${from}`, '--', process.execPath, ...args);
    expect(ran.code, ran.stderr).toBe(0);
    return JSON.parse(ran.stdout) as Load;
  }

  /** Says something to the Redis of one cluster, as its agent would. */
  redis(cluster: string, words: string): Promise<string> {
    const pass = `$(sed -n 's/^user tw-agent on >\\([^ ]*\\) .*/\\1/p' /etc/tradewind/keys/redis.conf)`;
    const line = `redis-cli --user tw-agent --pass "${pass}" ${words} 2>/dev/null || true`;
    return this.kubectl(cluster, 'exec', 'redis-0', '-c', 'redis', '--', 'sh', '-c', line);
  }
  async listIn(cluster: string): Promise<string[]> {
    return (await this.redis(cluster, 'lrange guestbook 0 -1')).trim().split('\n');
  }
  async runOf(cluster: string): Promise<string> {
    return /run_id:(\w+)/.exec(await this.redis(cluster, 'info server'))?.[1] ?? '';
  }
  /** The Redis of a cluster ends with its memory, and the files of its disk are gone too. */
  async lose(cluster: string, ...files: string[]): Promise<void> {
    const run = await this.runOf(cluster);
    await this.kubectl(cluster, 'exec', 'redis-0', '-c', 'redis', '--', 'rm', '-rf', ...files);
    // It takes the shell that says so with it.
    await this.redis(cluster, 'shutdown nosave now force').catch(() => undefined);
    await eventually(60_000, async () => {
      const now = await this.runOf(cluster);
      expect(now).not.toBe('');
      expect(now).not.toBe(run);
    });
  }
  /** All copies are stopped in order and started again. */
  async restart(): Promise<void> {
    const each = (...args: string[]) => Promise.all(this.copies.map((c) => this.kubectl(c, ...args)));
    await each('scale', 'statefulset/redis', '--replicas=0');
    await each('wait', '--for=delete', 'pod/redis-0', '--timeout=120s');
    await each('scale', 'statefulset/redis', '--replicas=1');
  }

  /** Users of all regions write while something happens; what became of every word in the list that `end` gives. */
  async under(
    x: { name: string; seconds: number; rate?: number; end(): Promise<string[]> },
    happens: () => Promise<void>,
  ): Promise<Story> {
    const loads = CLUSTERS.map(async (c) => [c, await this.writers(c, x)] as const);
    await new Promise((r) => setTimeout(r, 6000));
    await happens();
    const by = Object.fromEntries(await Promise.all(loads));
    const writes = Object.values(by).flatMap((l) => l.writes);
    const final = (await x.end()).filter((v) => v.startsWith(`${x.name}-`));
    return { ...check({ writes, reads: [] }, final), by, failed: writes.filter((w) => w.result === 'failed') };
  }
}

/** Nothing acknowledged is lost, nothing is there twice, and there was something to lose. */
export function kept(s: Story, least = 300): void {
  expect({ lost: s.lost, duplicated: s.duplicated, phantom: s.phantom }).toEqual({
    lost: [],
    duplicated: [],
    phantom: [],
  });
  expect(s.acked).toBeGreaterThan(least);
}
