import { describe, expect, it } from 'vitest';
import { KubeTwin } from '../fleet/adapters/kube-twin.ts';
import type { KubeObject } from '../fleet/index.ts';
import { type ClusterName, type MemberEntry, type MemberState, manualClock } from '../kernel/index.ts';
import { MEMBER_POD, NAME, NAMESPACE } from './model.ts';
import { nextRenewal } from './plan/renew.ts';
import { renewMembers } from './renew.ts';

const NAMES = ['sao', 'mtl', 'syd'];
const idOf = (m: string): bigint => BigInt(NAMES.indexOf(m) + 1);
const up = (name: string, leader = 2n, more: object = {}): MemberState => ({
  ...{ name, up: true, id: idOf(name), leader, term: 3n, index: 9n },
  ...{ version: '3.6.8', bytes: 20_480, learner: false, alarms: [] },
  ...more,
});
const down = (name: string): MemberState => ({ name, up: false, why: 'no answer' });
const entry = (name: string, learner = false): MemberEntry => ({ id: idOf(name), name, peers: [], learner });
const ALL = NAMES.map((m) => entry(m));

describe('which member is renewed next', () => {
  const next = (outdated: string[], states: MemberState[], list: MemberEntry[] | undefined = ALL) =>
    nextRenewal({ outdated, states, list });
  const well = NAMES.map((m) => up(m));
  it('the leader last, one that is down first', () => {
    expect(next(NAMES, well)).toBe('sao');
    expect(next(['mtl', 'syd'], well)).toBe('syd');
    expect(next(['mtl'], well)).toBe('mtl');
    expect(next(NAMES, [up('sao'), up('mtl'), down('syd')])).toBe('syd');
  });
  it('nobody while another one is away, follows somebody else, learns, or is only just a member', () => {
    expect(next(['sao', 'mtl'], [up('sao'), up('mtl'), down('syd')])).toBeUndefined();
    expect(next(['sao'], [up('sao'), up('mtl'), up('syd', 0n)])).toBeUndefined();
    expect(next(['sao'], [up('sao'), up('mtl'), up('syd', 2n, { learner: true })])).toBeUndefined();
    expect(next(['sao'], well, [entry('sao'), entry('mtl'), entry('syd', true)])).toBeUndefined();
    expect(next(['sao'], well, ALL.slice(0, 2))).toBeUndefined();
    expect(next(['sao'], [up('sao', 0n), down('mtl'), down('syd')])).toBeUndefined();
    expect(nextRenewal({ outdated: ['sao'], states: well, list: undefined })).toBeUndefined();
  });
});

/** Three clusters whose StatefulSets have new settings; a pod that is ended comes back, its member a little later. */
class World {
  readonly clock = manualClock();
  readonly kube: Record<ClusterName, KubeTwin> = {};
  /** When each member is up again. */
  readonly back: Record<ClusterName, number> = {};
  leader = 'mtl';
  most = 0;
  readonly ended: string[] = [];
  /** Its pod comes back and its member does not. */
  broken: string | undefined;

  constructor(settings: Readonly<Record<ClusterName, string>>) {
    for (const m of NAMES) {
      const twin = new KubeTwin(m, { after: ({ verb }) => void (verb === 'remove' && this.#ends(m)) });
      twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, 'cloud');
      const set: KubeObject = {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: NAME, namespace: NAMESPACE },
      };
      twin.put({ ...set, status: { updateRevision: 'new' } }, 'controller');
      this.kube[m] = twin;
      this.#pod(m, settings[m] ?? 'old');
    }
  }
  #pod(m: string, revision: string): void {
    const labels = { 'controller-revision-hash': revision };
    const metadata = { name: MEMBER_POD, namespace: NAMESPACE, labels };
    this.kube[m]?.put({ apiVersion: 'v1', kind: 'Pod', metadata }, 'controller');
  }
  #ends(m: string): void {
    this.ended.push(m);
    this.back[m] = m === this.broken ? Number.POSITIVE_INFINITY : this.clock.monotonic() + 20_000;
    if (m === this.leader) this.leader = 'syd';
    this.#pod(m, 'new');
  }
  states(): MemberState[] {
    const isUp = (m: string): boolean => this.clock.monotonic() >= (this.back[m] ?? 0);
    const states = NAMES.map((m) => (isUp(m) ? up(m, idOf(this.leader)) : down(m)));
    this.most = Math.max(this.most, states.filter((s) => !s.up).length);
    return states;
  }
  async run(): Promise<string[]> {
    const never = async (): Promise<never> => {
      throw new Error('not asked for');
    };
    const steps: string[] = [];
    const run = renewMembers({
      members: NAMES,
      told: NAMES,
      api: (c) => this.kube[c],
      status: async () => this.states(),
      membership: { list: async () => ALL, addLearner: never, promote: never, remove: never, nudge: never },
      clock: this.clock,
      signal: new AbortController().signal,
    });
    for await (const s of run)
      steps.push(`${s.step} ${s.state}${s.state === 'failed' || s.state === 'note' ? `: ${s.detail}` : ''}`);
    return steps;
  }
}

describe('settings of the members change', () => {
  it('one member after the other, the leader last, never two away at once', async () => {
    const w = new World({});
    const steps = await w.run();
    expect(w.ended).toEqual(['sao', 'syd', 'mtl']);
    expect(w.most).toBe(1);
    expect(steps).toEqual(w.ended.flatMap((m) => [`renew ${m} start`, `renew ${m} done`]));
    expect(await w.run()).toEqual([]);
  });

  it('what does not come back stops the rest', async () => {
    const w = new World({});
    w.broken = 'sao';
    expect(await w.run()).toEqual([
      'renew sao start',
      'renew sao failed: it does not come back; the others are as they were',
    ]);
    // Neither is another one ended the next time.
    expect((await w.run()).at(-1)).toMatch(/^renew note: mtl, syd: not renewed while another member is away: 2 of 3/);
    expect(w.ended).toEqual(['sao']);
  });

  it('a member that is new already is left alone', async () => {
    const w = new World({ sao: 'new', syd: 'new' });
    await w.run();
    expect(w.ended).toEqual(['mtl']);
  });
});
