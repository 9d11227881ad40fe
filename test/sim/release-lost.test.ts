/**
 * The register is lost at any moment of a release: a fresh process finds the release again from the switches and ends it,
 * while the process that still has the old register is dead, or wakes up later.
 */
import { describe, expect, it } from 'vitest';
import { memoryJournal, memoryStore } from '../../src/kernel/index.ts';
import { noEvidence } from '../../src/release/evidence.ts';
import type { ReleaseRecord } from '../../src/release/model.ts';
import { planRelease } from '../../src/release/plan.ts';
import type { ReleasePorts } from '../../src/release/ports.ts';
import { recoverRelease } from '../../src/release/recovering.ts';
import { claim, registerOf, takeover } from '../../src/release/register.ts';
import { drive } from '../../src/release/shell.ts';
import { WorldTwin } from '../../src/release/twin.ts';
import { BLUE, broken, CLUSTERS, GREEN, unfinished } from './release-shell/laws.ts';
import { Life, portsOf } from './release-shell/life.ts';
import { CONFIG } from './release-shell/rig.ts';
import { dice, SimClock } from './release-shell/time.ts';

interface Story {
  /** The call at which the first process ends or stands still. */
  at: number;
  after: boolean;
  /** It wakes up after so long; absent: it is dead. */
  stopMs?: number;
  rollbackAt?: number;
  /** A cluster that does not answer while the release is found again. */
  silent?: string;
}

class Lost {
  readonly clock = new SimClock(dice(5));
  readonly world = new WorldTwin(this.clock);
  readonly log: string[] = [];
  last: ReleaseRecord | undefined;
  fault: string | undefined;

  async drive(ports: ReleasePorts, mine: ReleaseRecord): Promise<void> {
    const show = (): void => undefined;
    const more = { checks: [], evidence: noEvidence('pass'), show, ask: show, leaveAt: 'clean' } as const;
    await drive(ports, mine, { ...more, signal: new AbortController().signal });
  }
  say(line: string): void {
    const lanes = CLUSTERS.map((c) => JSON.stringify(this.world.switches.seen(c).state));
    this.log.push([`${Math.round(this.clock.now())} ${line}`, ...lanes].join('\n  '));
  }

  async first(x: Story): Promise<{ life: Life; ended: Promise<void> }> {
    for (const c of CLUSTERS) await this.world.stand(c, BLUE);
    const store = memoryStore();
    const { stopMs } = x;
    const life = new Life(this.clock, { at: x.at, after: x.after, ...(stopMs === undefined ? {} : { stopMs }) });
    const ports = portsOf(this.world.ports('shop', store), store, life);
    const register = registerOf('shop', store, memoryJournal(this.clock));
    const clusters = CLUSTERS.map((name) => ({ name, live: BLUE, refused: [] }));
    const plan = planRelease({ app: 'shop', green: GREEN, config: { ...CONFIG, strategy: 'waves' }, clusters });
    const mine = await claim(register, { plan, by: 'ana', seenEpoch: 0, clock: this.clock });
    if (x.rollbackAt !== undefined)
      this.clock
        .sleep(x.rollbackAt)
        .then(() =>
          registerOf('shop', store, memoryJournal(this.clock))
            .read()
            .then(({ record, revision }) =>
              store.cas('release/shop', revision, {
                ...(record as object),
                requests: [{ kind: 'rollback', by: 'bo', at: 0 }],
              }),
            ),
        )
        .catch(() => undefined);
    return { life, ended: this.drive(ports, mine).catch((e: unknown) => this.say(`the first stops: ${String(e)}`)) };
  }

  /** A fresh process with an empty register. */
  async second(x: Story): Promise<void> {
    const store = memoryStore();
    const ports = this.world.ports('shop', store);
    if (x.silent !== undefined) this.world.cut.add(x.silent);
    const mine = await recoverRelease({ ports, config: CONFIG, clusters: CLUSTERS, by: 'bo' });
    this.say(`found ${mine?.decision ?? 'nothing'}, members ${mine?.members.join() ?? ''}`);
    if (x.silent !== undefined)
      this.clock.sleep(20_000).then(
        () => this.world.cut.delete(x.silent ?? ''),
        () => {},
      );
    this.last = mine;
    if (mine === undefined) return;
    await this.drive(ports, mine);
    const { record } = await registerOf('shop', store, memoryJournal(this.clock)).read();
    this.last = record;
    // What is in flight of the first process lands; then one more look, as after every takeover.
    await this.clock.sleep(120_000);
    const register = registerOf('shop', store, memoryJournal(this.clock));
    await this.drive(ports, await takeover(register, 'shop', { clock: this.clock }));
  }

  async play(x: Story): Promise<'no' | 'yes'> {
    const { life, ended } = await this.first(x);
    let over = false;
    void ended.then(() => (over = true));
    await this.clock.run(
      () => over || life.stands,
      1_000_000,
      () => undefined,
    );
    if (over) return 'no';
    this.say('the register is lost');
    let done = false;
    void this.second(x)
      .catch((e: unknown) => (this.fault = String(e)))
      .finally(() => (done = true));
    await this.clock.run(
      () => done,
      5_000_000,
      () => undefined,
    );
    return 'yes';
  }

  /** What is wrong at the end. */
  left(): string | undefined {
    if (this.fault !== undefined) return this.fault;
    const bare = this.last?.lagging.filter((c) => !this.world.braked.has(c)) ?? [];
    if (bare.length > 0) return `${bare.join()} is left out and not braked`;
    if (this.last !== undefined) return broken(this.world, this.last, undefined) ?? unfinished(this.world, this.last);
    const live = new Set(CLUSTERS.map((c) => this.world.switches.seen(c).state?.live));
    return live.size === 1 ? undefined : `nothing is open, and ${[...live].join(' and ')} are live`;
  }
}

async function every(more: Partial<Story>): Promise<{ played: number; decisions: Set<string> }> {
  const decisions = new Set<string>();
  let played = 0;
  for (let at = 1; ; at += 13)
    for (const after of [false, true]) {
      const rig = new Lost();
      const x = { at, after, ...more };
      if ((await rig.play(x)) === 'no') return { played, decisions };
      played += 1;
      decisions.add(rig.last?.decision ?? 'nothing');
      expect(rig.left(), [JSON.stringify(x), ...rig.log].join('\n')).toBeUndefined();
    }
}

describe('a register that is lost in mid-release', () => {
  it('the process is dead: the release ends right, whenever that was', { timeout: 240_000 }, async () => {
    const { played, decisions } = await every({});
    expect(played).toBeGreaterThan(10);
    expect([...decisions]).toEqual(expect.arrayContaining(['done', 'rolledback']));
  });

  it('the process stands still and wakes up: it can write no more', { timeout: 240_000 }, async () => {
    const { played } = await every({ stopMs: 12_000 });
    expect(played).toBeGreaterThan(10);
  });

  it('one cluster is silent: it is braked and left out, the others end right', { timeout: 240_000 }, async () => {
    const { played } = await every({ silent: 'syd' });
    expect(played).toBeGreaterThan(10);
  });

  it('while it is rolled back', { timeout: 240_000 }, async () => {
    const { played, decisions } = await every({ rollbackAt: 3000, stopMs: 30_000 });
    expect(played).toBeGreaterThan(10);
    expect([...decisions]).toContain('rolledback');
  });
});
