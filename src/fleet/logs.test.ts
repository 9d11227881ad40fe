import { describe, expect, test } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { KubeTwin, type TwinOptions } from './adapters/kube-twin.ts';
import { removeCloudObjects } from './drain.ts';
import { fleetExec } from './exec.ts';
import { deployment, service } from './fixtures.ts';
import { fleetLogs, type LogLine } from './logs.ts';
import { TimeMerge } from './merge.ts';
import { pickTarget, targetsOf } from './pods.ts';
import { KubeError } from './ports.ts';

const APP = { name: 'guestbook', namespace: 'guestbook' };

function pods(name: string, names: readonly string[], options: TwinOptions = {}): KubeTwin {
  const twin = new KubeTwin(name, options);
  twin.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'guestbook' } }, 'x');
  for (const pod of names)
    twin.put(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: pod, namespace: 'guestbook', labels: { 'tradewind.dev/app': 'guestbook' } },
        spec: { containers: [{ name: 'web' }] },
        status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
      },
      'kubelet',
    );
  return twin;
}
const stamp = (s: number, nano = '000000000'): string => `2026-01-01T00:00:${String(s).padStart(2, '0')}.${nano}Z`;
async function take(
  lines: AsyncIterable<LogLine>,
  stop: (all: LogLine[]) => boolean = () => false,
): Promise<LogLine[]> {
  const out: LogLine[] = [];
  for await (const l of lines) {
    out.push(l);
    if (stop(out)) break;
  }
  return out;
}
const say = (l: LogLine): string =>
  l.kind === 'line' ? `${l.cluster}/${l.pod} ${l.text}` : `${l.cluster} gap: ${l.why}`;

describe('logs', () => {
  test('two clusters, three pods: one stream by time, control characters gone', async () => {
    const sao = pods('sao', ['a', 'b'], {
      logs: (p) => (p.name === 'a' ? [`${stamp(1)} one`, `${stamp(4)} four`] : [`${stamp(3)} th\u001b[31mree\u0007`]),
    });
    const syd = pods('syd', ['c'], { logs: () => [`${stamp(2, '5')} two`, `${stamp(5)} five`] });
    const clusters = [
      { cluster: 'sao', api: sao },
      { cluster: 'syd', api: syd },
    ];
    const lines = await take(
      fleetLogs({ clusters, app: APP, follow: false, clock: systemClock, windowMs: 50 }, AbortSignal.timeout(5000)),
    );
    expect(lines.map(say)).toEqual(['sao/a one', 'syd/c two', 'sao/b three', 'sao/a four', 'syd/c five']);
    expect(lines.every((l) => l.kind === 'line' && !l.late)).toBe(true);
  });

  test('a broken stream is told, reopened at its last second, and no line comes twice', async () => {
    let calls = 0;
    const seen: (string | undefined)[] = [];
    class Breaking extends KubeTwin {
      override async *logs(_pod: unknown, options: { sinceTime?: string }): AsyncIterable<string> {
        calls++;
        seen.push(options.sinceTime);
        yield `${stamp(1, '100000000')} one`;
        yield `${stamp(1, '200000000')} two`;
        if (calls === 1) throw new KubeError(0, 'Unreachable', 'reset by peer');
        yield `${stamp(1, '200000000')} two too`;
        yield `${stamp(2)} three`;
        await new Promise<void>(() => undefined);
      }
    }
    const twin = new Breaking('sao');
    for (const o of pods('sao', ['a'])
      .all()
      .filter((x) => x.kind === 'Pod' || x.kind === 'Namespace'))
      twin.put(o, 'x');
    const stop = new AbortController();
    const clock = { ...systemClock, sleep: (ms: number, s?: AbortSignal) => systemClock.sleep(ms / 20, s) };
    const lines = await take(
      fleetLogs(
        { clusters: [{ cluster: 'sao', api: twin }], app: APP, follow: true, clock, windowMs: 20 },
        stop.signal,
      ),
      (all) => all.some((l) => say(l).endsWith('three')),
    );
    stop.abort();
    expect(seen).toEqual([undefined, '2026-01-01T00:00:01Z']);
    expect(lines.filter((l) => l.kind === 'line').map(say)).toEqual([
      'sao/a one',
      'sao/a two',
      'sao/a two too',
      'sao/a three',
    ]);
    expect(lines.filter((l) => l.kind === 'gap').map(say)).toEqual(['sao gap: reset by peer', 'sao gap: back']);
  });

  test('a cluster that does not answer is a gap line; the others are read', async () => {
    const dead = pods('dead', ['a'], {
      before: () => {
        throw new KubeError(0, 'Unreachable', 'connect ECONNREFUSED');
      },
    });
    const clusters = [
      { cluster: 'dead', api: dead },
      { cluster: 'syd', api: pods('syd', ['c'], { logs: () => [`${stamp(1)} here`] }) },
    ];
    const lines = await take(
      fleetLogs({ clusters, app: APP, follow: false, clock: systemClock, windowMs: 20 }, AbortSignal.timeout(5000)),
    );
    expect(lines.map(say).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'dead gap: connect ECONNREFUSED',
      'syd/c here',
    ]);
  });

  test('without follow the order is exact, however slow a cluster answers and whoever reads slowly', async () => {
    class Slow extends KubeTwin {
      override async *logs(): AsyncIterable<string> {
        await systemClock.sleep(150);
        yield `${stamp(1)} first`;
        await systemClock.sleep(100);
        yield `${stamp(4)} fourth`;
      }
    }
    const slow = new Slow('slow');
    for (const o of pods('slow', ['a'])
      .all()
      .filter((x) => x.kind === 'Pod' || x.kind === 'Namespace'))
      slow.put(o, 'x');
    // Two outputs of one container out of step: no line is lost, its own order stays.
    const fast = pods('fast', ['b'], {
      logs: () => [`${stamp(2)} second`, `${stamp(5)} fifth`, `${stamp(3)} err`, `${stamp(5)} fifth`],
    });
    const clusters = [
      { cluster: 'fast', api: fast },
      { cluster: 'slow', api: slow },
    ];
    const query = { clusters, app: APP, follow: false, clock: systemClock, windowMs: 1 };
    const lines: LogLine[] = [];
    for await (const l of fleetLogs(query, AbortSignal.timeout(5000))) {
      lines.push(l);
      await systemClock.sleep(20);
    }
    expect(lines.map(say)).toEqual([
      'slow/a first',
      'fast/b second',
      'slow/a fourth',
      'fast/b fifth',
      'fast/b err',
      'fast/b fifth',
    ]);
    expect(lines.every((l) => l.kind === 'line' && !l.late)).toBe(true);
  });

  test('an interrupt ends the wait for a cluster that says nothing, and tells what is there', async () => {
    class Mute extends KubeTwin {
      override async *logs(): AsyncIterable<string> {
        yield* [];
        await new Promise<void>(() => undefined);
      }
    }
    const mute = new Mute('mute');
    for (const o of pods('mute', ['a'])
      .all()
      .filter((x) => x.kind === 'Pod' || x.kind === 'Namespace'))
      mute.put(o, 'x');
    const clusters = [
      { cluster: 'mute', api: mute },
      { cluster: 'syd', api: pods('syd', ['c'], { logs: () => [`${stamp(1)} here`] }) },
    ];
    const lines = await take(
      fleetLogs({ clusters, app: APP, follow: false, clock: systemClock }, AbortSignal.timeout(200)),
    );
    expect(lines.map(say)).toEqual(['syd/c here']);
  });

  test('a slow reader pauses the source instead of filling the memory', async () => {
    const merge = new TimeMerge<number>(systemClock, 10);
    merge.open('a');
    let pushed = 0;
    const writer = (async () => {
      for (let i = 0; i < 5000; i++) {
        await merge.push('a', String(i).padStart(6, '0'), i);
        pushed++;
      }
      merge.done('a');
      merge.close();
    })();
    await systemClock.sleep(20);
    expect(pushed).toBeLessThanOrEqual(1000);
    let n = 0;
    for await (const { value } of merge.lines()) expect(value).toBe(n++);
    await writer;
    expect(n).toBe(5000);
  });
});

describe('exec', () => {
  test('one pod in every cluster, with exit codes; a cluster without a pod says so', async () => {
    const out: string[] = [];
    const run = (code: number): TwinOptions => ({
      exec: async (pod, x) => {
        x.stdout(Buffer.from(`${pod.name}: ${x.argv.join(' ')}`));
        return code;
      },
    });
    const results = await fleetExec(
      [
        { cluster: 'sao', api: pods('sao', ['a', 'b'], run(0)) },
        { cluster: 'mtl', api: pods('mtl', ['c'], run(3)) },
        { cluster: 'syd', api: pods('syd', []) },
      ],
      { app: APP },
      ['echo', 'hi'],
      {
        stdout: (c, t) => out.push(`${t.cluster} ${Buffer.from(c).toString()}`),
        stderr: () => undefined,
        signal: AbortSignal.timeout(1000),
      },
    );
    expect(results).toMatchObject([
      { cluster: 'sao', pod: 'a', code: 0 },
      { code: 3 },
      { cluster: 'syd', problem: { code: 'TW3080' } },
    ]);
    expect(out.toSorted((a, b) => a.localeCompare(b))).toEqual(['mtl c: echo hi', 'sao a: echo hi']);
  });
});

test('exec and logs keep to the version that is live; pods without one of their own stay', async () => {
  const api = pods('sao', ['guestbook-v1-5f-aa', 'guestbook-v2-6d-bb', 'worker-77-cc']);
  const version: Record<string, string> = {
    'guestbook-v1-5f-aa': 'v1',
    'guestbook-v2-6d-bb': 'v2',
    'worker-77-cc': 'v1',
  };
  for (const [name, v] of Object.entries(version))
    api.edit({ group: '', kind: 'Pod', namespace: 'guestbook', name }, (o) => {
      o.metadata.labels = { ...o.metadata.labels, 'tradewind.dev/version': v };
    });
  const names = async (live?: string): Promise<string[]> => {
    const c = { cluster: 'sao', api, ...(live === undefined ? {} : { version: live }) };
    return (await targetsOf(c, { app: APP })).map((t) => t.pod.name);
  };
  expect(await names('v2')).toEqual(['guestbook-v2-6d-bb', 'worker-77-cc']);
  expect(await names('v1')).toEqual(['guestbook-v1-5f-aa', 'worker-77-cc']);
  expect(await names()).toHaveLength(3);
  const found = await pickTarget({ cluster: 'sao', api, version: 'v2' }, { app: APP });
  expect(found.pod.name).toBe('guestbook-v2-6d-bb');
});

describe('emptying a cluster', () => {
  const home = { namespace: 'guestbook' };
  function full(): KubeTwin {
    const twin = pods('sao', []);
    const put = (o: ReturnType<typeof service>) => twin.put({ ...o, metadata: { ...o.metadata, ...home } }, 'x');
    put(service('web', { type: 'LoadBalancer' }));
    put(service('inner'));
    put({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: {} });
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }];
    put(deployment('redis', 'redis', { template: { spec: { containers: [], volumes } } }));
    put(deployment('web', 'web'));
    return twin;
  }
  const clock = { ...systemClock, sleep: (ms: number, s?: AbortSignal) => systemClock.sleep(ms / 200, s) };

  test('load balancers and volumes go, with the workloads that hold volumes; the rest stays', async () => {
    const twin = full();
    twin.edit({ group: '', kind: 'Service', ...home, name: 'web' }, (o) => {
      o.metadata.finalizers = ['service.kubernetes.io/load-balancer-cleanup'];
    });
    const steps = [];
    for await (const s of removeCloudObjects({ cluster: 'sao', api: twin, clock, signal: AbortSignal.timeout(5000) })) {
      steps.push(s);
      twin.vanish({ group: '', kind: 'Service', ...home, name: 'web' });
    }
    expect(steps.map((s) => s.left)).toEqual([2, 0]);
    expect(twin.removed.toSorted((a, b) => a.localeCompare(b))).toEqual([
      '/PersistentVolumeClaim/guestbook/data',
      '/Service/guestbook/web',
      'apps/Deployment/guestbook/redis',
    ]);
  });

  test('what does not go is named with its finalizers', async () => {
    const twin = full();
    twin.edit({ group: '', kind: 'Service', ...home, name: 'web' }, (o) => {
      o.metadata.finalizers = ['stuck.example/finalizer'];
    });
    const run = async () => {
      for await (const _ of removeCloudObjects({
        cluster: 'sao',
        api: twin,
        clock,
        signal: AbortSignal.timeout(5000),
        limitMs: 20,
      }));
    };
    await expect(run()).rejects.toMatchObject({
      code: 'TW3090',
      problem: { why: [expect.stringContaining('stuck.example/finalizer')] },
    });
  });
});
