import { describe, expect, test } from 'vitest';
import type { TwinOptions } from './adapters/kube-twin.ts';
import type { KubeObject, Ref, Versions } from './model.ts';
import { dictOf } from './plan/objects.ts';
import { type KubeApi, KubeError } from './ports.ts';
import { appConfig, held, OBJECTS, releasedWorld } from './released.fixtures.ts';
import { VersionedWorkloads } from './workloads.ts';

const NS = 'guestbook';
const web = (v: string): Ref => ({ group: 'apps', kind: 'Deployment', namespace: NS, name: `web-${v}` });
const hpa = (v: string): Ref => ({
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  namespace: NS,
  name: `web-${v}`,
});
const UNIT = (v: string): string[] => [
  `ConfigMap/settings-${v}`,
  `ConfigMap/tw-guestbook-${v}`,
  `Deployment/web-${v}`,
  `HorizontalPodAutoscaler/web-${v}`,
  `Service/web-${v}`,
];
const ofVersion = (names: readonly string[], v: string): string[] => names.filter((n) => n.endsWith(`-${v}`));
const everywhere = (...v: string[]): Versions => ({ guestbook: { sao: v, mtl: v, syd: v } });
type World = ReturnType<typeof releasedWorld>;

/** v1 runs everywhere; what a twin answers can be changed at any time. */
async function world(objects?: readonly KubeObject[]) {
  const options: TwinOptions = {};
  const w = releasedWorld({ before: (c) => options.before?.(c), after: (c) => options.after?.(c) }, objects ?? OBJECTS);
  await w.up([appConfig()]);
  return { ...w, options, works: w.workloads() };
}
const specOf = async (w: World, ref: Ref) => dictOf((await w.twins.sao.get(ref))?.['spec']);

function endpoints(w: World, v: string, ready: number, more: readonly object[] = []): void {
  const some = Array.from({ length: ready }, (_, n) => ({ addresses: [`10.0.0.${n}`], conditions: { ready: true } }));
  w.twins.sao.put(
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `web-${v}-x`, namespace: NS, labels: { 'kubernetes.io/service-name': `web-${v}` } },
      endpoints: [...some, ...more],
    },
    'endpointslice-controller',
  );
}
function scaled(w: World, v: string, replicas: number): void {
  w.twins.sao.edit(web(v), (o) => {
    o['spec'] = { ...dictOf(o['spec']), replicas };
  });
}

test('ungraceful: of the version as it would be written, without asking the cluster', async () => {
  const w = await world();
  expect(await w.works.ungraceful('sao', 'v2')).toEqual([]);
  const spec = {
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', ports: [{}] }] } },
  };
  const bare = OBJECTS.map((o) =>
    o.kind === 'Deployment' && o.metadata.name === 'web' ? { ...o, spec: { ...dictOf(o['spec']), ...spec } } : o,
  );
  const found = await (await world(bare)).works.ungraceful('sao', 'v2');
  expect(found).toEqual([
    'Deployment web-v2, container web: has no readinessProbe: it gets users before it can serve them',
    expect.stringMatching(/^Deployment web-v2, container web: preStop waits 0 s/),
  ]);
});

describe('makeGreen', () => {
  test('writes exactly this version in this cluster, pinned, and waits for no health', async () => {
    const w = await world();
    const before = held(w.twins.mtl);
    expect(await w.works.makeGreen('sao', 'v2', 5, 0)).toBe('ok');
    expect(ofVersion(held(w.twins.sao), 'v2')).toEqual(UNIT('v2'));
    expect(held(w.twins.mtl)).toEqual(before);
    expect(await specOf(w, hpa('v2'))).toMatchObject({ minReplicas: 5, maxReplicas: 6 });
    expect(await specOf(w, hpa('v1'))).toMatchObject({ minReplicas: 2 });
    expect(await w.works.state('sao', 'v2')).toMatchObject({ exists: true, complete: true, fence: 1, wanted: 5 });
  });

  test('a Deployment without an autoscaler gets the replicas itself', async () => {
    const w = await world(OBJECTS.filter((o) => o.kind !== 'HorizontalPodAutoscaler'));
    expect(await w.works.makeGreen('sao', 'v2', 5, 0)).toBe('ok');
    expect(await specOf(w, web('v2'))).toMatchObject({ replicas: 5 });
  });

  test('the fence decides: an old one is stale and writes nothing', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    const version = (await w.twins.sao.get(hpa('v2')))?.metadata.resourceVersion;
    expect(await w.works.makeGreen('sao', 'v2', 6, 0)).toBe('stale');
    expect((await w.twins.sao.get(hpa('v2')))?.metadata.resourceVersion).toBe(version);
    expect(await w.works.makeGreen('sao', 'v2', 6, 1)).toBe('ok');
    expect(await specOf(w, hpa('v2'))).toMatchObject({ minReplicas: 6 });
    expect((await w.works.state('sao', 'v2')).fence).toBe(2);
    expect(await w.works.makeGreen('sao', 'v3', 2, 7)).toBe('stale');
    expect(ofVersion(held(w.twins.sao), 'v3')).toEqual([]);
  });

  test('a second writer between reading and writing: stale', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    w.options.before = (c) => {
      if (c.verb !== 'patch') return;
      w.options.before = () => undefined;
      w.twins.sao.edit(web('v2'), (o) => {
        o.metadata.annotations = { ...o.metadata.annotations, 'tradewind.dev/workload-fence': '2' };
      });
    };
    expect(await w.works.makeGreen('sao', 'v2', 6, 1)).toBe('stale');
    expect(await specOf(w, hpa('v2'))).toMatchObject({ minReplicas: 5 });
  });

  test('a controller that writes meanwhile is no second writer', async () => {
    const w = await world();
    let times = 0;
    w.options.before = (c) => {
      if (c.verb === 'patch' && c.ref?.kind === 'Deployment' && times++ < 2)
        w.twins.sao.setStatus(web('v1'), { observedGeneration: 1, note: times });
    };
    expect(await w.works.makeGreen('sao', 'v1', 3, 0)).toBe('ok');
    expect(times).toBeGreaterThan(2);
  });

  test('a refused patch with nothing moved is a real fault', async () => {
    const w = await world();
    w.options.before = (c) => {
      if (c.verb === 'patch') throw new KubeError(422, 'Invalid', 'the annotation is forbidden here');
    };
    await expect(w.works.makeGreen('sao', 'v1', 5, 0)).rejects.toMatchObject({ code: 'TW3070' });
  });

  test.each(['list', 'patch', 'dryRun', 'apply'])('no answer to %s is unknown; the next try goes on', async (verb) => {
    const w = await world();
    for (const status of [0, 500, 503]) {
      w.options.before = (c) => {
        if (c.verb === verb) throw new KubeError(status, 'Unreachable', 'timeout');
      };
      expect(await w.works.makeGreen('sao', 'v2', 5, (await fence(w)) ?? 0)).toBe('unknown');
    }
    w.options.before = () => undefined;
    expect(await w.works.makeGreen('sao', 'v2', 5, (await fence(w)) ?? 0)).toBe('ok');
    expect(ofVersion(held(w.twins.sao), 'v2')).toEqual(UNIT('v2'));
  });
  const fence = async (w: World): Promise<number> => {
    const o = await w.twins.sao.get(web('v2')).catch(() => undefined);
    return Number(o?.metadata.annotations?.['tradewind.dev/workload-fence'] ?? 0);
  };

  test('an answer lost after the fence moved: unknown, then stale with the old one, ok with the new one', async () => {
    const w = await world();
    w.options.after = (c) => {
      if (c.verb === 'patch') throw new KubeError(0, 'Unreachable', 'reset by peer');
    };
    expect(await w.works.makeGreen('sao', 'v1', 5, 0)).toBe('unknown');
    w.options.after = () => undefined;
    expect(await w.works.makeGreen('sao', 'v1', 5, 0)).toBe('stale');
    expect(await w.works.makeGreen('sao', 'v1', 5, 1)).toBe('ok');
  });

  test('what the cluster refuses is thrown; the version is there in part, and made whole later', async () => {
    const w = await world();
    w.options.before = (c) => {
      if (c.verb === 'apply' && c.ref?.kind === 'HorizontalPodAutoscaler')
        throw new KubeError(403, 'Forbidden', 'quota exceeded');
    };
    await expect(w.works.makeGreen('sao', 'v2', 5, 0)).rejects.toMatchObject({ problem: { why: ['quota exceeded'] } });
    w.options.before = () => undefined;
    expect(await w.works.state('sao', 'v2')).toMatchObject({ exists: true, complete: false, healthy: false, fence: 0 });
    expect(await w.works.makeGreen('sao', 'v2', 5, 0)).toBe('ok');
    expect(await w.works.state('sao', 'v2')).toMatchObject({ complete: true, fence: 1 });
  });

  test('an apply of the whole fleet at the same moment: one of both is stale', async () => {
    const w = await world();
    let once = true;
    w.options.before = (c) => {
      if (!once || c.verb !== 'apply' || c.ref?.name !== 'tw-guestbook-v1') return;
      once = false;
      const ref = { group: '', kind: 'ConfigMap', namespace: NS, name: 'tw-guestbook-v1' };
      w.twins.sao.edit(ref, (o) => {
        const data = JSON.parse(String(dictOf(o['data'])['inventory.json']));
        o['data'] = { 'inventory.json': JSON.stringify({ ...data, epoch: data.epoch + 1, run: 'another' }) };
      });
    };
    expect(await w.works.makeGreen('sao', 'v1', 5, 0)).toBe('stale');
  });
});

describe('settle, and plans meanwhile', () => {
  test('a plan of the fleet leaves pinned replicas alone; settle gives them back', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    const p = await w.plan([appConfig()], { guestbook: { sao: ['v1', 'v2'], mtl: ['v1'], syd: ['v1'] } });
    expect(p.blast).toMatchObject({ create: 0, update: 0, delete: 0 });
    expect(await w.works.settle('sao', 'v2')).toBe('ok');
    expect(await specOf(w, hpa('v2'))).toMatchObject({ minReplicas: 2 });
    expect((await w.works.state('sao', 'v2')).fence).toBe(1);
  });

  test('a version that is not there stays away', async () => {
    const w = await world();
    expect(await w.works.settle('sao', 'v9')).toBe('ok');
    expect(ofVersion(held(w.twins.sao), 'v9')).toEqual([]);
  });
});

describe('retire', () => {
  test('deletes this version alone, last wave first, and its inventory; absent is ok', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    const others = held(w.twins.sao).filter((n) => !n.endsWith('-v1'));
    expect(await w.works.retire('sao', 'v1', 0)).toBe('ok');
    expect(held(w.twins.sao)).toEqual(others);
    expect(w.twins.sao.removed.map((k) => k.split('/')[1])).toEqual([
      'HorizontalPodAutoscaler',
      'Deployment',
      'Service',
      'ConfigMap',
      'ConfigMap',
    ]);
    expect(await w.works.retire('sao', 'v1', 0)).toBe('ok');
    expect(held(w.twins.mtl)).toContain('Deployment/web-v1');
  });

  test('with an old fence it is stale and nothing is deleted', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    expect(await w.works.retire('sao', 'v2', 0)).toBe('stale');
    expect(w.twins.sao.removed).toEqual([]);
  });

  test('what was half deleted goes at the next try', async () => {
    const w = await world();
    w.options.before = (c) => {
      if (c.verb === 'remove' && c.ref?.kind === 'Service') throw new KubeError(503, 'Unavailable', 'starting');
    };
    expect(await w.works.retire('sao', 'v1', 0)).toBe('unknown');
    expect(await w.works.state('sao', 'v1')).toMatchObject({ exists: true, complete: false, fence: 0 });
    w.options.before = () => undefined;
    expect(await w.works.retire('sao', 'v1', 0)).toBe('ok');
    expect(ofVersion(held(w.twins.sao), 'v1')).toEqual([]);
  });

  test('a lost answer to a delete is not a failure', async () => {
    const w = await world();
    let lost = 0;
    w.options.after = (c) => {
      if (c.verb === 'remove' && lost++ % 2 === 0) throw new KubeError(0, 'Unreachable', 'reset by peer');
    };
    expect(await w.works.retire('sao', 'v1', 0)).toBe('ok');
    expect(ofVersion(held(w.twins.sao), 'v1')).toEqual([]);
  });

  test('without an inventory nothing says what to delete', async () => {
    const w = await world();
    w.twins.sao.vanish({ group: '', kind: 'ConfigMap', namespace: NS, name: 'tw-guestbook-v1' });
    await expect(w.works.retire('sao', 'v1', 0)).rejects.toMatchObject({ code: 'TW3031' });
    expect(w.twins.sao.removed).toEqual([]);
  });

  /** The API of a process whose delete number `n` is under way while `meanwhile` happens elsewhere. */
  function slowDelete(api: KubeApi, n: number, meanwhile: () => Promise<unknown>): KubeApi {
    let seen = 0;
    const of = (name: keyof KubeApi) => (api[name] as (...a: unknown[]) => unknown).bind(api);
    const names = ['get', 'list', 'apply', 'patch', 'index', 'logs', 'exec', 'proxyGet', 'close'] as const;
    const rest = Object.fromEntries(names.map((name) => [name, of(name)])) as unknown as Omit<KubeApi, 'remove'>;
    return {
      ...rest,
      remove: async (ref, x) => {
        if (seen++ === n) await meanwhile();
        return api.remove(ref, x);
      },
    };
  }

  test.each([0, 1, 2, 3, 4])(
    'delete %i of 5 under way while the version is made live again: it is whole',
    async (n) => {
      const w = await world();
      const others = new Set(held(w.twins.sao).filter((x) => !x.endsWith('-v1')));
      const meanwhile = async () => {
        const { fence } = await w.works.state('sao', 'v1');
        expect(await w.works.makeGreen('sao', 'v1', 3, fence)).toBe('ok');
      };
      const zombie = new VersionedWorkloads({
        config: w.configOf([appConfig()]),
        app: 'guestbook',
        api: () => slowDelete(w.twins.sao, n, meanwhile),
        ports: { ...(await zombiePorts(w)) },
      });
      const put = await zombie.retire('sao', 'v1', 0);
      expect(put).not.toBe('ok');
      expect(held(w.twins.sao)).toEqual([...others, ...UNIT('v1')].toSorted());
      expect(await w.works.state('sao', 'v1')).toMatchObject({ complete: true });
    },
  );
  const zombiePorts = async (w: World) => {
    const { ports } = await import('./fixtures.ts');
    const origin = { file: 'm/app.yaml' };
    const objects = OBJECTS.map((body) => ({ body, origin }));
    return { ...ports(w.clock), renderer: { render: async () => ({ objects, tool: 't', inputHash: 'x' }) } };
  };
});

describe('state', () => {
  test('healthy: available at this generation, and as many ready endpoints as wanted', async () => {
    const w = await world();
    expect(await w.works.state('sao', 'v9')).toMatchObject({ exists: false, healthy: false, fence: 0, why: [] });
    scaled(w, 'v1', 2);
    endpoints(w, 'v1', 1, [{ addresses: ['10.0.1.1'], conditions: { ready: true, terminating: true } }]);
    const short = await w.works.state('sao', 'v1');
    expect(short).toMatchObject({ exists: true, healthy: false, ready: 2, wanted: 2 });
    expect(short.why[0]).toBe('1 of 2 endpoints are ready');
    endpoints(w, 'v1', 2);
    expect(await w.works.state('sao', 'v1')).toMatchObject({ healthy: true, why: [] });
    w.twins.sao.edit(web('v1'), (o) => {
      o['spec'] = { ...dictOf(o['spec']), paused: true };
    });
    expect(await w.works.state('sao', 'v1')).toMatchObject({ healthy: false });
  });

  test('one pod of five that a release pinned is not enough', async () => {
    const w = await world();
    await w.works.makeGreen('sao', 'v2', 5, 0);
    endpoints(w, 'v2', 1);
    expect(await w.works.state('sao', 'v2')).toMatchObject({ healthy: false, wanted: 5 });
    scaled(w, 'v2', 5);
    endpoints(w, 'v2', 5);
    expect(await w.works.state('sao', 'v2')).toMatchObject({ healthy: true, ready: 5 });
  });

  test('where the Service is the switch, its pods are counted; restarts and kills of the version too', async () => {
    const w = await world();
    const works = w.workloads(appConfig({}, 'service'));
    const pod = (name: string, v: string, ready: boolean, status: object = {}): void => {
      const labels = { 'tradewind.dev/app': 'guestbook', 'tradewind.dev/version': v };
      const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
      w.twins.sao.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NS, labels } }, 'kubelet');
      w.twins.sao.setStatus(
        { group: '', kind: 'Pod', namespace: NS, name },
        { phase: 'Running', conditions, ...status },
      );
    };
    scaled(w, 'v1', 2);
    pod('a', 'v1', true, { containerStatuses: [{ name: 'c', restartCount: 2 }] });
    pod('b', 'v1', false, {
      containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated: { reason: 'OOMKilled' } } }],
    });
    pod('c', 'v2', true, { containerStatuses: [{ name: 'c', restartCount: 9 }] });
    expect(await works.state('sao', 'v1')).toMatchObject({ healthy: false, restarts: 3 });
    pod('b', 'v1', true);
    expect(await works.state('sao', 'v1')).toMatchObject({ healthy: true, restarts: 2 });
  });

  test('a Deployment that somebody deleted is named; a silent cluster is no state', async () => {
    const w = await world();
    w.twins.sao.vanish(web('v1'));
    const seen = await w.works.state('sao', 'v1');
    expect(seen).toMatchObject({
      exists: true,
      healthy: false,
      complete: false,
      why: ['Deployment web-v1 is not there'],
    });
    w.options.before = () => {
      throw new KubeError(0, 'Unreachable', 'no route to host');
    };
    await expect(w.works.state('sao', 'v1')).rejects.toMatchObject({ code: 'TW3012' });
  });

  test('an app without a release block has no versions', () => {
    const w = releasedWorld();
    expect(() => w.workloads(appConfig({}, 'none'))).toThrow('TW7006');
  });
});

test('a release, a second one, and back: only what is retired goes', async () => {
  const w = await world();
  await w.works.makeGreen('sao', 'v2', 2, 0);
  expect(await w.works.retire('sao', 'v1', 0)).toBe('ok');
  await w.works.settle('sao', 'v2');
  expect(
    (await w.plan([appConfig()], { ...everywhere('v1'), guestbook: { sao: ['v2'], mtl: ['v1'], syd: ['v1'] } })).blast,
  ).toMatchObject({ create: 0, update: 0, delete: 0 });
  expect(await w.works.makeGreen('sao', 'v1', 2, 0)).toBe('ok');
  expect(await w.works.retire('sao', 'v2', 1)).toBe('ok');
  expect(ofVersion(held(w.twins.sao), 'v1')).toEqual(UNIT('v1'));
  expect(ofVersion(held(w.twins.sao), 'v2')).toEqual([]);
});
