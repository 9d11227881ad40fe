import { describe, expect, it } from 'vitest';
import { KubeTwin } from '../fleet/adapters/kube-twin.ts';
import { dictOf, type KubeObject } from '../fleet/index.ts';
import { type ClusterName, type MemberEntry, type MemberState, manualClock } from '../kernel/index.ts';
import { introduce } from './introduce.ts';
import { DATA_CLAIM, MEMBER_POD, NAMESPACE, PEERS_SERVICE, START } from './model.ts';
import { type MembersSeen, tendMembers } from './plan/members.ts';
import { genesis, joining, peerUrl, type Start, standing, startObject, startOf } from './plan/start.ts';
import { readStart, tend } from './tend.ts';

const NAMES = ['sao', 'mtl', 'syd'] as const;
const ids: Record<string, bigint> = { sao: 1n, mtl: 2n, syd: 3n };
const entry = (name: string, more: Partial<MemberEntry> = {}): MemberEntry => ({
  id: ids[name] ?? 9n,
  name,
  peers: [peerUrl(name)],
  learner: false,
  ...more,
});
const up = (name: string, more: Partial<Extract<MemberState, { up: true }>> = {}): MemberState => ({
  ...{ name, up: true, id: ids[name] ?? 9n, leader: 1n, term: 3n, index: 9n },
  ...{ version: '3.6.8', bytes: 20_480, learner: false, alarms: [] },
  ...more,
});
const down = (name: string): MemberState => ({ name, up: false, why: 'no answer in time' });
const settled = (m: string) => ({ start: standing(m, `disk-${m}`), volume: `disk-${m}` });
const seen = (more: Partial<MembersSeen> = {}): MembersSeen => ({
  wanted: NAMES,
  states: NAMES.map((m) => up(m)),
  list: NAMES.map((m) => entry(m)),
  seats: Object.fromEntries(NAMES.map((m) => [m, settled(m)])),
  ...more,
});
const sydLost = { ...seen().seats, syd: { start: standing('syd'), volume: 'disk-new' } };
const twoUp = [up('sao'), up('mtl'), down('syd')];

describe('how a member starts', () => {
  it('begins a store only where there is none; a blank disk under an old name has nobody to ask', () => {
    expect(genesis(['a', 'b']).state).toBe('new');
    expect(standing('a')).toEqual({ state: 'existing', cluster: `a=${peerUrl('a')}` });
    for (const s of [genesis(NAMES), standing('syd', 'v1'), joining(NAMES, 255n)])
      expect(startOf(startObject(s)['data'] as Record<string, string>)).toEqual(s);
    expect(joining(NAMES, 255n).join).toBe('ff');
    expect(startOf({ state: 'maybe', cluster: 'x' })).toBeUndefined();
  });
});

describe('what is done about the members', () => {
  it('nothing where every member has its own disk, and nothing without a majority', () => {
    expect(tendMembers(seen())).toEqual([]);
    expect(tendMembers(seen({ list: undefined, seats: sydLost, states: twoUp }))).toEqual([]);
  });

  it('a first store is settled on its disks', () => {
    const seats = Object.fromEntries(NAMES.map((m) => [m, { start: genesis(NAMES), volume: `disk-${m}` }]));
    expect(tendMembers(seen({ seats }))).toEqual(
      NAMES.map((member) => ({ do: 'settle', member, start: standing(member, `disk-${member}`) })),
    );
  });

  it('a member whose disk is another one is removed, added, started, and votes once it has everything', () => {
    const gone = { states: twoUp, seats: sydLost };
    expect(tendMembers(seen(gone))).toEqual([{ do: 'remove', member: 'syd', id: 3n, why: 'disk' }]);
    const without = [entry('sao'), entry('mtl')];
    expect(tendMembers(seen({ ...gone, list: without }))).toEqual([{ do: 'add', member: 'syd', url: peerUrl('syd') }]);
    const added = [...without, entry('syd', { id: 7n, name: '', learner: true })];
    const start = joining(NAMES, 7n);
    expect(tendMembers(seen({ ...gone, list: added }))).toEqual([{ do: 'join', member: 'syd', start }]);
    const seats = { ...sydLost, syd: { start, volume: 'disk-new' } };
    expect(tendMembers(seen({ ...gone, list: added, seats }))).toEqual([]);
    const learns = {
      list: [...without, entry('syd', { id: 7n, learner: true })],
      states: [up('sao'), up('mtl'), up('syd', { id: 7n, learner: true })],
    };
    // Its disk is known before it votes: never again is it taken for a blank one that may be thrown out.
    const now = standing('syd', 'disk-new');
    expect(tendMembers(seen({ ...learns, seats }))).toEqual([{ do: 'settle', member: 'syd', start: now }]);
    const known = { ...seats, syd: { start: now, volume: 'disk-new' } };
    expect(tendMembers(seen({ ...learns, seats: known }))).toEqual([{ do: 'promote', member: 'syd', id: 7n }]);
  });

  it('a member that is only silent stays, and nobody is thrown out while another voter is away', () => {
    expect(tendMembers(seen({ states: twoUp }))).toEqual([]);
    expect(tendMembers(seen({ states: twoUp, seats: { sao: settled('sao'), mtl: settled('mtl') } }))).toEqual([]);
    const fourth = [...NAMES.map((m) => entry(m)), entry('fra')];
    const wanted = [...NAMES, 'fra'];
    const states = [...twoUp, down('fra')];
    expect(tendMembers(seen({ wanted, states, list: fourth, seats: sydLost }))).toEqual([]);
    // Another disk that nothing is known of yet is no evidence.
    const unknown: Record<ClusterName, { start?: Start; volume?: string }> = {
      ...seen().seats,
      syd: { start: standing('syd', 'disk-syd') },
    };
    expect(tendMembers(seen({ states: twoUp, seats: unknown }))).toEqual([]);
  });

  it('a cluster that left the config is no member any more; a new one becomes one', () => {
    const list = [...NAMES.map((m) => entry(m)), entry('fra')];
    expect(tendMembers(seen({ list }))).toEqual([{ do: 'remove', member: 'fra', id: 9n, why: 'unwanted' }]);
    const grown = {
      wanted: [...NAMES, 'fra'],
      states: [...NAMES.map((m) => up(m)), down('fra')],
      seats: { ...seen().seats, fra: { start: standing('fra'), volume: 'disk-fra' } },
    };
    expect(tendMembers(seen(grown))).toEqual([{ do: 'add', member: 'fra', url: peerUrl('fra') }]);
  });
});

/** Three clusters, one of them built anew; etcd is played, the objects of the clusters are not. */
class Played {
  readonly kube: Record<ClusterName, KubeTwin> = {};
  list: MemberEntry[] = NAMES.map((m) => entry(m));
  readonly log: string[] = [];
  nudges = 0;
  looks = 0;

  async build(m: string, start: Start): Promise<void> {
    const twin = new KubeTwin();
    const options = { manager: 'cloud', dryRun: false, force: true, expect: 'any' as const };
    const meta = (name: string) => ({ name, namespace: NAMESPACE });
    await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, 'cloud');
    const objects: KubeObject[] = [
      startObject(start),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: meta(PEERS_SERVICE),
        spec: { type: 'LoadBalancer', ports: [{ port: 2380 }] },
        status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
      },
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: meta(DATA_CLAIM), spec: {} },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: meta(MEMBER_POD),
        spec: { containers: [{ name: 'etcd', image: 'e' }] },
      },
    ];
    for (const o of objects) await twin.apply(o, options);
    this.kube[m] = twin;
  }
  async start(m: string): Promise<Start | undefined> {
    const api = this.kube[m];
    return api === undefined ? undefined : await readStart(api);
  }
  async uid(m: string, kind: string, name: string): Promise<string | undefined> {
    return (await this.kube[m]?.get({ group: '', kind, namespace: NAMESPACE, name }))?.metadata.uid;
  }
  /** A blank member is up once it was told its new name. */
  async states(): Promise<MemberState[]> {
    this.looks++;
    const told = (await this.start('syd'))?.join;
    const syd = this.list.find((e) => e.peers.includes(peerUrl('syd')));
    const runs = syd !== undefined && (told === syd.id.toString(16) || this.log.includes('started'));
    if (runs && !this.log.includes('started')) this.log.push('started');
    return [up('sao'), up('mtl'), runs ? up('syd', { id: syd.id, learner: syd.learner }) : down('syd')];
  }
  readonly membership = {
    list: async () => this.list,
    addLearner: async (url: string) => {
      this.log.push('added');
      this.list = [...this.list, { id: 7n, name: '', peers: [url], learner: true }];
      return 7n;
    },
    promote: async (id: bigint) => {
      if (!this.log.includes('refused')) {
        this.log.push('refused');
        throw new Error('can only promote a learner member which is in sync with leader');
      }
      this.log.push('promoted');
      this.list = this.list.map((e) => (e.id === id ? { ...e, learner: false } : e));
    },
    nudge: async () => void (this.nudges += 1),
    remove: async (id: bigint) => {
      this.log.push(`removed ${id}`);
      this.list = this.list.filter((e) => e.id !== id);
    },
  };
}

describe('a store of one member that shall have three', () => {
  it('is joined by one after the other', async () => {
    const p = new Played();
    p.list = [entry('mtl')];
    await p.build('mtl', standing('mtl', 'disk-mtl'));
    for (const m of ['sao', 'syd']) await p.build(m, standing(m));
    const deps = {
      members: NAMES,
      told: NAMES,
      api: (c: ClusterName) => p.kube[c],
      status: async () => [],
      membership: p.membership,
      clock: manualClock(),
      signal: new AbortController().signal,
    };
    const alone = [down('sao'), up('mtl', { leader: 2n }), down('syd')];
    await tend(deps, alone);
    await tend(deps, alone);
    expect(p.log).toEqual(['added']);
    expect(p.nudges).toBe(0);
    expect(await tend(deps, alone)).toEqual({ said: ['sao starts with an empty disk'], arriving: true });
    // Else it waits for ever where nobody writes.
    expect(p.nudges).toBe(1);
    expect((await p.start('sao'))?.cluster).toContain(`mtl=${peerUrl('mtl')}`);
    expect(await tend(deps, NAMES.map(down))).toEqual({ said: [], arriving: false });
  });
});

describe('a cluster that was built anew', () => {
  it('gets a new member of the store, by `up` alone', async () => {
    const p = new Played();
    for (const m of ['sao', 'mtl']) await p.build(m, genesis(NAMES));
    await p.build('syd', standing('syd'));
    const before = await p.uid('syd', 'Pod', MEMBER_POD);
    const steps = [];
    const deps = {
      members: NAMES,
      told: NAMES,
      api: (c: ClusterName) => p.kube[c],
      status: () => p.states(),
      membership: p.membership,
      clock: manualClock(),
      signal: new AbortController().signal,
    };
    for await (const s of introduce(deps)) if (s.step === 'members' && s.state !== 'start') steps.push(s.detail);
    expect(p.log).toEqual(['removed 3', 'added', 'started', 'refused', 'promoted']);
    expect(steps.at(-1)).toBe('3 of 3 members, leader sao');
    expect(steps[0]).toBe('syd has lost its disk: a new member takes its place');
    expect(await p.uid('syd', 'Pod', MEMBER_POD)).not.toBe(before);
    for (const m of NAMES)
      expect(await p.start(m)).toEqual(standing(m, await p.uid(m, 'PersistentVolumeClaim', DATA_CLAIM)));
    const map = await p.kube['syd']?.get({ group: '', kind: 'ConfigMap', namespace: NAMESPACE, name: START });
    expect(dictOf(map?.['data'])['join']).toBe('');
  });
});
