import { describe, expect, it } from 'vitest';
import { KubeTwin } from '../fleet/adapters/kube-twin.ts';
import { dictOf, type KubeObject } from '../fleet/index.ts';
import { type ClusterName, type MemberState, manualClock } from '../kernel/index.ts';
import { DATA_CLAIM, MEMBER_POD, NAME, NAMESPACE } from './model.ts';
import { planRecovery, type RecoverAsk } from './plan/recover.ts';
import { forced, standing, startObject, startOf } from './plan/start.ts';
import { recover } from './recover.ts';
import { readStart } from './tend.ts';

const NAMES = ['sao', 'mtl', 'syd'];
const ids: Record<string, bigint> = { sao: 1n, mtl: 2n, syd: 3n };
const up = (name: string, leader: bigint, index = 9n): MemberState => ({
  ...{ name, up: true, id: ids[name] ?? 9n, leader, term: 3n, index },
  ...{ version: '3.6.8', bytes: 20_480, learner: false, alarms: [] },
});
const down = (name: string): MemberState => ({ name, up: false, why: 'no answer in time' });
const ask = (more: Partial<RecoverAsk> = {}): RecoverAsk => ({
  members: NAMES,
  states: [down('sao'), up('mtl', 0n), down('syd')],
  reachable: NAMES,
  lost: [],
  ...more,
});

describe('who begins anew', () => {
  it('the member that is left; those that answer are ended and join it', () => {
    expect(planRecovery(ask())).toEqual({ is: 'plan', from: 'mtl', index: 9n, blank: ['sao', 'syd'], lost: [] });
    const two = { members: ['sao', 'mtl', 'syd', 'fra', 'vir'], states: [up('sao', 0n, 7n), up('mtl', 0n, 8n)] };
    expect(planRecovery(ask({ ...two, reachable: two.members }))).toMatchObject({ from: 'mtl', index: 8n });
  });

  it('nothing while there is a majority, and nothing without data', () => {
    const well = [up('sao', 1n), up('mtl', 1n), down('syd')];
    expect(planRecovery(ask({ states: well }))).toMatchObject({ is: 'refused' });
    expect(planRecovery(ask({ states: NAMES.map(down) }))).toMatchObject({ is: 'refused' });
  });

  it('a member that may come back with its old disk is in the way until a person gives it up', () => {
    const away = planRecovery(ask({ reachable: ['mtl', 'syd'] }));
    expect(away).toMatchObject({ is: 'refused', why: ['sao: does not answer, and may come back with its old member'] });
    expect(away.is === 'refused' ? away.fix.at(-1)?.command : '').toBe('tw coordination recover --lost sao');
    expect(planRecovery(ask({ reachable: ['mtl', 'syd'], lost: ['sao'] }))).toMatchObject({
      is: 'plan',
      from: 'mtl',
      blank: ['syd'],
      lost: ['sao'],
    });
    expect(planRecovery(ask({ lost: ['mtl'], reachable: ['sao', 'syd'] }))).toMatchObject({ is: 'refused' });
  });

  it('what forces a start is in its ConfigMap and read back', () => {
    const s = forced(standing('mtl', 'disk'));
    expect(startOf(startObject(s)['data'] as Record<string, string>)).toEqual(s);
    expect(dictOf(startObject(standing('mtl'))['data'])['force']).toBe('');
  });
});

/** A cluster with a member whose pod goes when nobody wants it, as its StatefulSet would have it. */
async function built(m: string): Promise<KubeTwin> {
  const twin = new KubeTwin();
  const meta = (name: string) => ({ name, namespace: NAMESPACE });
  await twin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, 'cloud');
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'etcd', image: 'e' }] } };
  const objects: KubeObject[] = [
    startObject(standing(m, 'disk')),
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: meta(NAME),
      spec: { serviceName: NAME, replicas: 1, selector: { matchLabels: { a: 'b' } }, template },
    },
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: meta(DATA_CLAIM), spec: {} },
    { apiVersion: 'v1', kind: 'Pod', metadata: meta(MEMBER_POD), spec: template.spec },
  ];
  for (const o of objects) await twin.apply(o, { manager: 'cloud', dryRun: false, force: true, expect: 'any' });
  return twin;
}
const replicas = async (t: KubeTwin | undefined): Promise<unknown> =>
  dictOf((await t?.get({ group: 'apps', kind: 'StatefulSet', namespace: NAMESPACE, name: NAME }))?.['spec'])[
    'replicas'
  ];

describe('the store is made anew', () => {
  it('the others end with their disks before the one that is left leads, and force is taken back at once', async () => {
    const kube: Record<ClusterName, KubeTwin> = {};
    for (const m of NAMES) kube[m] = await built(m);
    const pod = { group: '', kind: 'Pod', namespace: NAMESPACE, name: MEMBER_POD };
    const claim = { group: '', kind: 'PersistentVolumeClaim', namespace: NAMESPACE, name: DATA_CLAIM };
    const log: string[] = [];
    const clock = manualClock();
    const deps = {
      api: (c: ClusterName) => kube[c],
      look: async (name: ClusterName): Promise<MemberState> => {
        const force = (await readStart(kube[name] as KubeTwin))?.force;
        for (const o of ['sao', 'syd']) {
          expect(await replicas(kube[o])).toBe(0);
          expect(await kube[o]?.get(claim)).toBeUndefined();
        }
        log.push(`looked, force ${force}`);
        return up(name, force === 'true' ? (ids[name] ?? 0n) : 0n);
      },
      list: async () => [{ id: 2n, name: 'mtl', peers: [], learner: false }],
      raise: async () => {
        log.push(`raised, force ${(await readStart(kube['mtl'] as KubeTwin))?.force}`);
        return 20_042;
      },
      clock,
      signal: new AbortController().signal,
    };
    const plan = planRecovery(ask());
    if (plan.is === 'refused') throw new Error('no plan');
    const steps: string[] = [];
    for await (const s of recover(plan, deps)) {
      steps.push(`${s.step} ${s.state}`);
      // Its controller ends the pod.
      for (const o of ['sao', 'syd']) {
        const found = await kube[o]?.get(pod);
        if (found?.metadata.uid !== undefined) await kube[o]?.remove(pod, { uid: found.metadata.uid });
      }
    }
    expect(steps).toEqual([
      'end sao start',
      'end sao done',
      'end syd start',
      'end syd done',
      'begin with mtl start',
      'begin with mtl done',
    ]);
    expect(log).toEqual(['looked, force true', 'raised, force undefined']);
    for (const m of NAMES) expect(await replicas(kube[m])).toBe(1);
    expect(await readStart(kube['syd'] as KubeTwin)).toEqual(standing('syd'));
  });
});
