import { describe, expect, it } from 'vitest';
import { KubeTwin } from '../fleet/adapters/kube-twin.ts';
import { dictOf, listOf } from '../fleet/index.ts';
import { type ClusterName, type MemberState, manualClock } from '../kernel/index.ts';
import { introduce } from './introduce.ts';
import { NAMESPACE, PEERS_SERVICE } from './model.ts';
import { coordinationApp } from './plan/app.ts';
import { majority, sayMembers } from './plan/health.ts';
import { leaderAway } from './plan/leader.ts';
import { genesis } from './plan/start.ts';
import { timingOf } from './plan/timing.ts';

const PLACES = {
  sao: { lat: -23.55, lon: -46.63 },
  mtl: { lat: 45.5, lon: -73.57 },
  syd: { lat: -33.87, lon: 151.21 },
};
const cluster = (name: keyof typeof PLACES, cloud: 'aws' | 'azure' | 'gcp') => ({
  name,
  cloud,
  region: 'r',
  zones: [],
  location: PLACES[name],
  labels: {},
  version: '1.36',
  size: 's',
  nodes: { min: 1, max: 1 },
  network: { nodes: '', pods: '', services: '' },
  admins: [],
  protect: false,
});
const MEMBERS = [cluster('sao', 'aws'), cluster('mtl', 'azure'), cluster('syd', 'gcp')];
const certificate = (name: string) => ({ ca: 'CA', cert: `${name} cert`, key: `${name} key` });
const app = coordinationApp({
  fleet: 'shop',
  members: MEMBERS,
  guests: ['fra'],
  certificates: { sao: certificate('sao'), mtl: certificate('mtl'), syd: certificate('syd') },
  starts: Object.fromEntries(['sao', 'mtl', 'syd'].map((m) => [m, genesis(['sao', 'mtl', 'syd'])])),
  client: certificate('tw'),
});
const objects = (c: string) => ('perCluster' in app.source ? (app.source.perCluster?.[c] ?? []) : []);
const find = (c: string, kind: string, name: string) =>
  objects(c).find((o) => o.kind === kind && o.metadata.name === name);
function argsIn(c: string): string[] {
  const pod = dictOf(dictOf(dictOf(find(c, 'StatefulSet', 'etcd')?.['spec'])['template'])['spec']);
  return listOf(pod['containers']).flatMap((k) => k['args'] as string[]);
}

const up = (name: string, id: bigint, leader: bigint): MemberState => ({
  ...{ name, up: true, id, leader, term: 3n, index: 9n },
  ...{ version: '3.6.8', bytes: 20_480, learner: false, alarms: [] },
});
const down = (name: string): MemberState => ({ name, up: false, why: 'no answer in time' });

describe('the coordination store as an app', () => {
  it('has one member per cluster that names all of them', () => {
    for (const c of ['sao', 'mtl', 'syd']) {
      const args = argsIn(c);
      const peer = (n: string): string => `${n}=https://peer-${n}.${NAMESPACE}.svc:2380`;
      expect(find(c, 'ConfigMap', 'etcd-start')?.['data']).toEqual({
        state: 'new',
        cluster: ['sao', 'mtl', 'syd'].map(peer).join(','),
        volume: '',
        join: '',
        force: '',
      });
      expect(args).toContain(`--name=${c}`);
      expect(args).toContain(`--initial-advertise-peer-urls=https://peer-${c}.${NAMESPACE}.svc:2380`);
      expect(args.filter((a) => a.endsWith('client-cert-auth'))).toHaveLength(2);
    }
  });

  it('shows peers to the world and clients to its cluster, and keys to its own member only', () => {
    expect(dictOf(find('sao', 'Service', PEERS_SERVICE)?.['spec'])).toMatchObject({
      type: 'LoadBalancer',
      publishNotReadyAddresses: true,
      ports: [{ port: 2380 }, { port: 2379 }],
    });
    expect(objects('fra').map((o) => o.metadata.name)).toEqual(['etcd-client']);
    expect(dictOf(find('sao', 'Service', 'etcd')?.['spec'])).toMatchObject({
      type: 'ClusterIP',
      ports: [{ port: 2379 }],
    });
    expect(JSON.stringify(objects('sao'))).not.toContain('syd key');
    expect(dictOf(find('syd', 'Secret', 'etcd-tls')?.['stringData'])['tls.key']).toBe('syd key');
  });

  it('is renewed by nobody but `tw up`: no StatefulSet knows how the other members are', () => {
    expect(dictOf(find('syd', 'StatefulSet', 'etcd')?.['spec'])['updateStrategy']).toEqual({ type: 'OnDelete' });
  });

  it('takes its times from where the clusters lie', () => {
    expect(timingOf(MEMBERS)).toEqual({ heartbeat: 400, election: 4000 });
    expect(timingOf(MEMBERS.slice(0, 1))).toEqual({ heartbeat: 100, election: 1000 });
    expect(argsIn('mtl')).toContain('--election-timeout=4000');
  });
});

describe('majority', () => {
  it('is more than half that follow one leader', () => {
    const cases: [MemberState[], boolean, string][] = [
      [[up('a', 1n, 1n), up('b', 2n, 1n), up('c', 3n, 1n)], true, '3 of 3 members, leader a'],
      [[up('a', 1n, 1n), up('b', 2n, 1n), down('c')], true, '2 of 3 members, leader a; c: no answer in time'],
      [
        [up('a', 1n, 0n), down('b'), down('c')],
        false,
        '0 of 3 members, no leader; b: no answer in time; c: no answer in time',
      ],
      // A leader of the past that has not noticed yet.
      [
        [up('a', 1n, 1n), down('b'), down('c')],
        false,
        '1 of 3 members, leader a; b: no answer in time; c: no answer in time',
      ],
    ];
    for (const [states, holds, say] of cases) {
      expect(majority(states).holds).toBe(holds);
      expect(sayMembers(states)).toBe(say);
    }
  });
});

describe('the leader and home', () => {
  const three = [up('sao', 1n, 1n), up('mtl', 2n, 1n), up('syd', 3n, 1n)];
  it('are not in one place where another member can lead, the first of the order first', () => {
    expect(leaderAway('sao', three, ['sao', 'syd', 'mtl'])).toBe(3n);
    expect(leaderAway('sao', three, [])).toBe(2n);
    expect(leaderAway('mtl', three, [])).toBeUndefined();
  });
  const learner: MemberState = { ...three[2], learner: true } as MemberState;
  it('a member that is down, learns, or follows somebody else cannot', () => {
    expect(leaderAway('sao', [up('sao', 1n, 1n), down('mtl'), learner], [])).toBeUndefined();
    expect(leaderAway('sao', [up('sao', 1n, 1n), up('mtl', 2n, 3n)], [])).toBeUndefined();
  });
});

describe('members meet', () => {
  const ips: Record<ClusterName, string> = { sao: 'lb.aws.example', mtl: '203.0.113.2', syd: '203.0.113.3' };
  async function twins(): Promise<Record<ClusterName, KubeTwin>> {
    const made: Record<ClusterName, KubeTwin> = {};
    for (const [c, address] of Object.entries(ips)) {
      const twin = new KubeTwin();
      await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, 'cloud');
      const at = /^\d/.test(address) ? { ip: address } : { hostname: address };
      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: PEERS_SERVICE, namespace: NAMESPACE },
        spec: { type: 'LoadBalancer', ports: [{ port: 2380 }] },
        status: { loadBalancer: { ingress: [at] } },
      };
      await twin.apply(service, { manager: 'cloud', dryRun: false, force: true, expect: 'any' });
      made[c] = twin;
    }
    return made;
  }
  const slice = async (t: KubeTwin | undefined, peer: string) =>
    dictOf(
      await t?.get({ group: 'discovery.k8s.io', kind: 'EndpointSlice', namespace: NAMESPACE, name: `peer-${peer}` }),
    )['endpoints'];

  async function run(t: Record<ClusterName, KubeTwin>, states: () => MemberState[]) {
    const steps = [];
    const deps = {
      members: Object.keys(ips),
      told: Object.keys(ips),
      api: (c: ClusterName) => t[c],
      status: async () => states(),
      membership: {
        list: async () => [],
        addLearner: async () => 0n,
        promote: async () => undefined,
        remove: async () => undefined,
        nudge: async () => undefined,
      },
      clock: manualClock(),
      signal: new AbortController().signal,
    };
    for await (const s of introduce(deps)) if (s.state !== 'start') steps.push(s);
    return steps;
  }

  it('every cluster is told where the members of the others are; a host name stands for itself', async () => {
    const t = await twins();
    let asked = 0;
    const all = [up('sao', 1n, 2n), up('mtl', 2n, 2n), up('syd', 3n, 2n)];
    const steps = await run(t, () => (asked++ === 0 ? [up('sao', 1n, 0n), down('mtl'), down('syd')] : all));
    expect(steps).toEqual([
      { step: 'addresses', state: 'done' },
      { step: 'members', state: 'done', detail: '3 of 3 members, leader mtl' },
    ]);
    const name = { group: '', kind: 'Service', namespace: NAMESPACE, name: 'peer-sao' };
    expect((await t['syd']?.get(name))?.['spec']).toMatchObject({
      type: 'ExternalName',
      externalName: 'lb.aws.example',
    });
    expect(await slice(t['sao'], 'mtl')).toMatchObject([{ addresses: ['203.0.113.2'] }]);
    expect(await slice(t['sao'], 'sao')).toBeUndefined();
  });

  it('a cluster that does not stand is left out, and a minority is no store', async () => {
    const t = await twins();
    delete t['syd'];
    const two = [up('sao', 1n, 1n), up('mtl', 2n, 1n), down('syd')];
    expect(await run(t, () => two)).toMatchObject([
      { step: 'addresses', state: 'note', detail: 'no address yet: syd, could not be told: syd' },
      { step: 'members', state: 'note', detail: '2 of 3 members, leader sao; syd: no answer in time' },
    ]);
    const one = [up('sao', 1n, 0n), down('mtl'), down('syd')];
    expect(await run(t, () => one)).toMatchObject([{}, { step: 'members', state: 'failed' }]);
  });
});
