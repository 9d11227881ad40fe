import { describe, expect, test } from 'vitest';
import { KubeTwin, type TwinCall } from '../../../fleet/adapters/kube-twin.ts';
import { dictOf, KubeError, type KubeObject } from '../../../fleet/index.ts';
import type { SwitchState } from '../../model.ts';
import type { Guard, Put, Switch } from '../../ports.ts';
import { CLUSTER, makeNamespace, NS, plainService, routeOptions, serviceOptions } from './fixtures.ts';
import { httpRouteSwitch } from './httproute.ts';
import { serviceSwitch } from './service.ts';
import { SwitchTwin } from './twin.ts';

const APP = 'shop';
const silence = new KubeError(0, 'Unreachable', 'socket hang up');

interface Bench {
  api: KubeTwin;
  /** Faults of the next calls, before or after their effect. */
  before: ((call: TwinCall) => void)[];
  after: ((call: TwinCall) => void)[];
  sw: Switch;
  state: SwitchState;
  /** Calls since the bench was ready. */
  calls(): string[];
}

const DRIVERS: readonly (readonly [string, (api: KubeTwin) => Switch])[] = [
  ['httproute', (api) => httpRouteSwitch(routeOptions(api, APP))],
  ['service', (api) => serviceSwitch(serviceOptions(api, APP))],
];

async function bench(open: (api: KubeTwin) => Switch): Promise<Bench> {
  const [before, after]: [Bench['before'], Bench['after']] = [[], []];
  const api = new KubeTwin('twin', {
    before: (call) => before.shift()?.(call),
    after: (call) => after.shift()?.(call),
  });
  await makeNamespace(api);
  const sw = open(api);
  await sw.create(CLUSTER, 'v1');
  const state = (await sw.read(CLUSTER)) as SwitchState;
  const from = api.calls.length;
  return { api, before, after, sw, state, calls: () => api.calls.slice(from).map((c) => c.verb) };
}
const flip = (b: Bench, s: Guard = b.state, sw = b.sw): Promise<Put> =>
  sw.write(CLUSTER, s, { fence: s.fence + 1, epoch: 1, release: 'r1', vote: false, live: 'v2' }, ['v1', 'v2']);
const live = async (b: Bench): Promise<string | undefined> => (await b.sw.read(CLUSTER))?.live;
const fail =
  (status: number, reason = 'Oops', message = 'no') =>
  (): void => {
    throw status === 0 ? silence : new KubeError(status, reason, message);
  };

describe.each(DRIVERS)('driver %s: the outcome of a write', (name, open) => {
  test('a flip after a read is one request', async () => {
    const b = await bench(open);
    expect(await flip(b)).toBe('ok');
    expect(b.calls()).toEqual(['patch']);
  });

  test.each([0, 429, 502, 503, 504])(
    'no answer or status %i before the effect is unknown, and not written',
    async (status) => {
      const b = await bench(open);
      b.before.push(fail(status));
      expect(await flip(b)).toBe('unknown');
      expect(await live(b)).toBe('v1');
      expect(await flip(b)).toBe('ok');
    },
  );

  test('an answer that is lost after the effect is unknown; the same write again is stale', async () => {
    const b = await bench(open);
    b.after.push(fail(0));
    expect(await flip(b)).toBe('unknown');
    expect(await flip(b)).toBe('stale');
    expect(await live(b)).toBe('v2');
  });

  test('a create whose answer is lost made it all the same', async () => {
    const b = await bench(open);
    const other = open(b.api);
    b.api.vanish({ ...(await ref(b)) });
    // The service driver looks first whether there is a Service to take.
    b.after.push(...(name === 'service' ? [() => undefined] : []), fail(0));
    expect(await other.create(CLUSTER, 'v1')).toBe('unknown');
    expect(await other.create(CLUSTER, 'v2')).toBe('stale');
    expect(await live(b)).toBe('v1');
  });

  test('422 with a moved fence is stale', async () => {
    const b = await bench(open);
    const zombie = open(b.api);
    await zombie.read(CLUSTER);
    expect(await flip(b)).toBe('ok');
    expect(await flip(b, b.state, zombie)).toBe('stale');
  });

  test('422 with all guards right is the server’s own no: a fault with its words, and nothing written', async () => {
    const b = await bench(open);
    const no = fail(422, 'Invalid', 'denied by policy x');
    b.before.push(
      no,
      () => undefined,
      no,
      () => undefined,
      no,
    );
    await expect(flip(b)).rejects.toThrow(/TW7020.*denied by policy x/);
    expect(await live(b)).toBe('v1');
  });

  test('500 is read again: moved = stale, unmoved for good = unknown', async () => {
    const b = await bench(open);
    b.after.push(fail(500, 'InternalError', 'etcdserver: request timed out'));
    expect(await flip(b)).toBe('stale');
    const c = await bench(open);
    c.before.push(
      fail(500),
      () => undefined,
      fail(500),
      () => undefined,
      fail(500),
    );
    expect(await flip(c)).toBe('unknown');
    expect(await live(c)).toBe('v1');
  });

  test('an edit elsewhere on the object since the read costs a second look, not the write', async () => {
    const b = await bench(open);
    await b.api.patch(await ref(b), [{ op: 'add', path: '/metadata/annotations/x', value: 'y' }], 'kubectl-annotate');
    expect(await flip(b)).toBe('ok');
    expect((await b.api.get(await ref(b)))?.metadata.annotations?.['x']).toBe('y');
  });

  test('no right to write is no outcome: it is thrown', async () => {
    const b = await bench(open);
    b.before.push(fail(403, 'Forbidden', 'may not patch'));
    await expect(flip(b)).rejects.toThrow('may not patch');
  });

  test('a switch that was deleted is stale for writers and absent for readers', async () => {
    const b = await bench(open);
    b.api.vanish(await ref(b));
    expect(await flip(b)).toBe('stale');
    expect(await b.sw.read(CLUSTER)).toBeUndefined();
    b.before.push(fail(0));
    await expect(b.sw.read(CLUSTER)).rejects.toThrow('socket hang up');
  });

  test('a name that the preview needs and somebody else has is TW7003 and left alone', async () => {
    const b = await bench(open);
    const { kind, group } = await ref(b);
    const taken = { group, kind, namespace: NS, name: `${APP}-preview` };
    const apiVersion = group === '' ? 'v1' : `${group}/v1`;
    const theirs: KubeObject = { apiVersion, kind, metadata: { name: taken.name, namespace: NS }, spec: { a: 1 } };
    b.api.put({ ...theirs, spec: group === '' ? { selector: { a: 'b' } } : { rules: [] } }, 'kubectl');
    const was = await b.api.get(taken);
    await expect(b.sw.preview(CLUSTER, 'v2')).rejects.toThrow(/TW7003/);
    await b.sw.unpreview(CLUSTER);
    expect(await b.api.get(taken)).toEqual(was);
  });

  async function ref(b: Bench): Promise<{ group: string; kind: string; namespace: string; name: string }> {
    const route = b.api.all().some((o) => o.kind === 'HTTPRoute');
    return route
      ? { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: NS, name: APP }
      : { group: '', kind: 'Service', namespace: NS, name: APP };
  }
});

describe('driver httproute', () => {
  const open = DRIVERS[0]?.[1] as (api: KubeTwin) => Switch;
  const ROUTE = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: NS, name: APP };
  const rules = async (b: Bench): Promise<unknown> => dictOf((await b.api.get(ROUTE))?.['spec'])['rules'];

  test('green is a backend of weight 0 with the vote, and goes when nobody keeps it; the sum is never 0', async () => {
    const b = await bench(open);
    const to = { fence: 1, epoch: 1, release: 'r1', vote: true, live: 'v1' };
    await b.sw.write(CLUSTER, b.state, to, ['v1', 'v2']);
    const names = async (): Promise<unknown> =>
      (((await rules(b)) as { backendRefs: { name: string; weight: number }[] }[])[0]?.backendRefs ?? []).map((r) => [
        r.name,
        r.weight,
      ]);
    expect(await names()).toEqual([
      ['shop-v1', 100],
      ['shop-v2', 0],
    ]);
    await b.sw.write(CLUSTER, { ...b.state, fence: 1 }, { ...to, fence: 2, vote: false, live: 'v2' }, ['v1', 'v2']);
    expect(await names()).toEqual([
      ['shop-v1', 0],
      ['shop-v2', 100],
    ]);
    await b.sw.write(CLUSTER, { ...b.state, fence: 2 }, { ...to, fence: 3, vote: false, live: 'v2' }, []);
    expect(await names()).toEqual([['shop-v2', 100]]);
  });

  test('a rule that another person adds between look and write is moved too', async () => {
    const b = await bench(open);
    const rule = { matches: [{ path: { type: 'PathPrefix', value: '/api' } }] };
    const ours = { group: '', kind: 'Service', name: 'shop-v1', port: 80, weight: 100 };
    await b.api.patch(ROUTE, [{ op: 'add', path: '/spec/rules/-', value: { ...rule, backendRefs: [ours] } }], 'x');
    expect(await flip(b)).toBe('ok');
    expect(b.calls().filter((v) => v === 'patch')).toHaveLength(3);
    expect(JSON.stringify(await rules(b)).match(/"name":"shop-v2","port":80,"weight":100/g)).toHaveLength(2);
  });

  test('TW7021 names expected, found, who and when, and a line to paste that mends it', async () => {
    const b = await bench(open);
    expect(await flip(b)).toBe('ok');
    b.api.edit(ROUTE, (o) => {
      const refs = (dictOf(o['spec'])['rules'] as { backendRefs: { weight: number }[] }[])[0]?.backendRefs ?? [];
      for (const r of refs) r.weight = 50;
    });
    const e = await b.sw.read(CLUSTER).then(
      () => undefined,
      (x: unknown) => (x as { problem: { why: string[]; fix: { command?: string }[] } }).problem,
    );
    expect(e?.why[0]).toMatch(
      /HTTPRoute .*shop on sao: expected all weight on shop-v2, found rule 0: shop-v1 50, shop-v2 50; last changed by kubectl-edit at 20/,
    );
    const command = e?.fix[0]?.command ?? '';
    expect(command).toMatch(/^kubectl -n \S+ patch httproute shop --type=json -p '/);
    await b.api.patch(ROUTE, JSON.parse(command.slice(command.indexOf("'") + 1, -1)) as never, 'kubectl-patch');
    expect(await live(b)).toBe('v2');
  });
});

describe('the twin’s faults', () => {
  const made = async (fault: ConstructorParameters<typeof SwitchTwin>[0]): Promise<SwitchTwin> => {
    const twin = new SwitchTwin(fault);
    await twin.create('sao', 'v1');
    return twin;
  };
  const to = { fence: 1, epoch: 1, release: 'r1', vote: false, live: 'v2' };
  const from = { uid: 'switch-1', fence: 0 };

  test('delay, late, lost, stale, unreachable', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((r) => {
      release = r;
    });
    let n = 0;
    const faults = [undefined, 'late', 'unreachable', 'stale', undefined, 'lost'] as const;
    const twin = await made({
      faults: () => {
        const is = faults[n++];
        if (is === undefined) return undefined;
        return is === 'late' ? { is, until: gate } : { is };
      },
    });
    expect(await twin.write('sao', from, to, [])).toBe('unknown');
    await expect(twin.read('sao')).rejects.toThrow('no answer');
    expect(await twin.write('sao', from, { ...to, live: 'v3' }, [])).toBe('stale');
    expect(await twin.write('sao', from, { ...to, live: 'v4' }, [])).toBe('ok');
    release();
    await gate;
    expect(await twin.write('sao', { ...from, fence: 1 }, { ...to, fence: 2 }, [])).toBe('unknown');
    expect(twin.seen('sao').state).toMatchObject({ fence: 2, live: 'v2' });
  });

  test('by hand is TW7021 until it is put back; gone is absent', async () => {
    const twin = await made({});
    twin.edit('sao', 'expected v1, found v2');
    await expect(twin.read('sao')).rejects.toThrow(/TW7021/);
    await expect(twin.write('sao', from, to, [])).rejects.toThrow(/TW7021/);
    twin.edit('sao', undefined);
    expect(await twin.write('sao', from, to, [])).toBe('ok');
    twin.vanish('sao');
    expect(await twin.read('sao')).toBeUndefined();
  });
});

describe('driver service', () => {
  test('a Service from before the release block becomes the switch and keeps what it has', async () => {
    const api = new KubeTwin();
    await makeNamespace(api);
    const plain = plainService(APP);
    plain.metadata.annotations = { 'example.org/note': 'mine' };
    const before = api.put(plain, 'tradewind');
    const sw = serviceSwitch(serviceOptions(api, APP));
    expect(await sw.read(CLUSTER)).toBeUndefined();
    expect(await sw.create(CLUSTER, 'v1')).toBe('ok');
    const state = await sw.read(CLUSTER);
    expect(state).toMatchObject({ uid: before.metadata.uid, fence: 0, live: 'v1' });
    const after = await api.get({ group: '', kind: 'Service', namespace: NS, name: APP });
    expect(after?.metadata.annotations?.['example.org/note']).toBe('mine');
    expect(dictOf(after?.['spec'])['selector']).toEqual({ app: APP, 'tradewind.dev/version': 'v1' });
    expect(await sw.create(CLUSTER, 'v2')).toBe('stale');
  });

  test('a Service that somebody changes while it is taken stays as they left it', async () => {
    const SERVICE = { group: '', kind: 'Service', namespace: NS, name: APP };
    let edits = 0;
    const api = new KubeTwin('twin', {
      before: (call) => {
        if (call.verb !== 'patch' || edits++ > 0) return;
        api.edit(SERVICE, (o) => Object.assign(dictOf(o['spec']), { selector: { app: 'other' } }));
      },
    });
    await makeNamespace(api);
    api.put(plainService(APP), 'tradewind');
    const sw = serviceSwitch(serviceOptions(api, APP));
    expect(await sw.create(CLUSTER, 'v1')).toBe('stale');
    expect(await sw.read(CLUSTER)).toBeUndefined();
    expect(dictOf((await api.get(SERVICE))?.['spec'])['selector']).toEqual({ app: 'other' });
  });
});
