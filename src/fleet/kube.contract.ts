import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KubeObject, Ref } from './model.ts';
import { dictOf, listOf } from './plan/objects.ts';
import { type Applied, type Expect, type KubeApi, KubeError } from './ports.ts';

export interface KubeContract {
  name: string;
  open(): Promise<KubeApi>;
  /** Waits until an object written now counts as old (times have whole seconds). */
  settle(): Promise<void>;
}

const NS = `tw-contract-${process.pid}`;
const ref = (kind: string, name: string, group = ''): Ref => ({ group, kind, namespace: NS, name });
const map = (name: string, data: Record<string, string>, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: NS, labels },
  data,
});
const web = (spec: Record<string, unknown>, container: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: NS },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'example/web:1', ...container }] },
    },
    ...spec,
  },
});

async function failure(work: Promise<unknown>): Promise<KubeError> {
  try {
    await work;
  } catch (e) {
    if (e instanceof KubeError) return e;
    throw e;
  }
  throw new Error('expected the call to fail');
}

/** What every KubeApi must do; run against the twin and a real API server. */
export function kubeContract(c: KubeContract): void {
  describe(`KubeApi: ${c.name}`, () => {
    let api: KubeApi;
    const apply = (
      o: KubeObject,
      x: Partial<{ manager: string; dryRun: boolean; force: boolean; expect: Expect }> = {},
    ): Promise<Applied> => api.apply(o, { manager: 'tw-a', dryRun: false, force: false, expect: 'any', ...x });

    beforeAll(async () => {
      api = await c.open();
      await api.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NS } },
        { manager: 'tw-a', dryRun: false, force: false, expect: 'any' },
      );
    });
    afterAll(async () => {
      const ns = await api.get({ group: '', kind: 'Namespace', name: NS });
      if (ns?.metadata.uid !== undefined)
        await api.remove({ group: '', kind: 'Namespace', name: NS }, { uid: ns.metadata.uid, cascade: 'background' });
      await api.close();
    });

    test('index: version, kinds, scope', async () => {
      const index = await api.index();
      expect(index.serverVersion).toMatch(/^v1\.\d+/);
      expect(index.kinds).toContainEqual({
        group: 'apps',
        version: 'v1',
        kind: 'Deployment',
        plural: 'deployments',
        namespaced: true,
      });
      expect(index.kinds.find((k) => k.kind === 'Namespace' && k.group === '')?.namespaced).toBe(false);
    });

    test('a name that is not there is undefined; a kind that is not served is an error', async () => {
      expect(await api.get(ref('ConfigMap', 'none'))).toBeUndefined();
      expect((await failure(api.list({ group: 'example.org', kind: 'Nothing' }, {}))).status).toBe(404);
      expect((await failure(api.get({ group: 'example.org', kind: 'Nothing', name: 'x' }))).status).toBe(404);
    });

    test('apply creates once; the same again changes nothing', async () => {
      const first = await apply(map('once', { a: '1' }), { expect: 'absent' });
      expect(first.created).toBe(true);
      expect(first.object.metadata.uid).toBeTruthy();
      const second = await apply(map('once', { a: '1' }));
      expect(second.created).toBe(false);
      expect(second.object.metadata.resourceVersion).toBe(first.object.metadata.resourceVersion);
    });

    test('a dry run answers like the real thing and writes nothing', async () => {
      const made = await apply(map('dry', { a: '1' }), { dryRun: true });
      expect(made.created).toBe(true);
      expect(await api.get(ref('ConfigMap', 'dry'))).toBeUndefined();
      await apply(map('dry', { a: '1' }));
      const changed = await apply(map('dry', { a: '2' }), { dryRun: true });
      expect(changed.object['data']).toEqual({ a: '2' });
      expect((await api.get(ref('ConfigMap', 'dry')))?.['data']).toEqual({ a: '1' });
    });

    test('a dry run says for certain that nothing changes, and never when something does', async () => {
      await apply(map('sure', { a: '1', b: '1' }));
      await c.settle();
      expect((await apply(map('sure', { a: '1', b: '1' }), { dryRun: true })).unchanged).toBe(true);
      expect((await apply(map('sure', { a: '2', b: '1' }), { dryRun: true })).unchanged).not.toBe(true);
      await api.patch(ref('ConfigMap', 'sure'), [{ op: 'remove', path: '/data/b' }], 'other');
      await c.settle();
      expect((await apply(map('sure', { a: '1', b: '1' }), { dryRun: true })).unchanged).not.toBe(true);
    });

    test('another manager’s value is a conflict with path and manager; force takes it', async () => {
      await apply(web({ replicas: 2 }));
      await apply(web({ replicas: 2 }, { env: [{ name: 'B', value: 'b' }] }), { manager: 'tw-b' });
      const e = await failure(apply(web({ replicas: 3 })));
      expect(e.status).toBe(409);
      expect(e.causes).toMatchObject([{ reason: 'FieldManagerConflict', field: '.spec.replicas' }]);
      expect(e.causes[0]?.message).toContain('tw-b');
      const forced = await apply(web({ replicas: 3 }), { force: true });
      expect(dictOf(forced.object['spec'])['replicas']).toBe(3);
    });

    test('lists with keys: each manager keeps its own entries, a dropped field goes', async () => {
      const env = (o: KubeObject | undefined): unknown[] => {
        const spec = dictOf(dictOf(dictOf(o?.['spec'])['template'])['spec']);
        return listOf(listOf(spec['containers'])[0]?.['env']).map((x) => x['name']);
      };
      const base = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'keys', namespace: NS } };
      const of = (...names: string[]): KubeObject => ({
        ...base,
        spec: {
          selector: { matchLabels: { app: 'k' } },
          template: {
            metadata: { labels: { app: 'k' } },
            spec: {
              containers: [{ name: 'web', image: 'example/web:1', env: names.map((name) => ({ name, value: name })) }],
            },
          },
        },
      });
      await apply(of('A', 'A2'));
      await apply(of('B'), { manager: 'tw-b' });
      const both = await api.get(ref('Deployment', 'keys', 'apps'));
      expect(env(both).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(['A', 'A2', 'B']);
      const after = await apply(of('A'));
      expect(env(after.object).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual(['A', 'B']);
    });

    test('preconditions: a wrong uid or an old version is a conflict, never a new object', async () => {
      const made = await apply(map('pre', { a: '1' }));
      const uid = made.object.metadata.uid ?? '';
      const old = made.object.metadata.resourceVersion ?? '';
      await apply(map('pre', { a: '2' }), { expect: { uid, resourceVersion: old } });
      expect((await failure(apply(map('pre', { a: '3' }), { expect: { uid, resourceVersion: old } }))).status).toBe(
        409,
      );
      const wrong = '00000000-0000-0000-0000-000000000000';
      expect((await failure(apply(map('pre', { a: '3' }), { expect: { uid: wrong } }))).status).toBe(409);
      expect((await failure(apply(map('pre-gone', { a: '3' }), { expect: { uid: wrong } }))).status).toBe(409);
      expect(await api.get(ref('ConfigMap', 'pre-gone'))).toBeUndefined();
    });

    test('remove: only this uid and version; a second time it is gone', async () => {
      const { object } = await apply(map('bye', { a: '1' }));
      const { uid = '', resourceVersion = '' } = object.metadata;
      await apply(map('bye', { a: '2' }));
      const wrong = '00000000-0000-0000-0000-000000000000';
      expect((await failure(api.remove(ref('ConfigMap', 'bye'), { uid: wrong, cascade: 'background' }))).status).toBe(
        409,
      );
      expect(
        (await failure(api.remove(ref('ConfigMap', 'bye'), { uid, resourceVersion, cascade: 'background' }))).status,
      ).toBe(409);
      expect(await api.remove(ref('ConfigMap', 'bye'), { uid, cascade: 'background' })).toBe('gone');
      expect(await api.remove(ref('ConfigMap', 'bye'), { uid, cascade: 'background' })).toBe('gone');
      expect(await api.get(ref('ConfigMap', 'bye'))).toBeUndefined();
    });

    test('create: once; a name that is taken is a conflict and stays as it is', async () => {
      const made = await api.create(map('born', { a: '1' }), 'tw-a');
      expect(made.metadata.uid).toBeTruthy();
      const taken = await failure(api.create(map('born', { a: '2' }), 'tw-a'));
      expect([taken.status, taken.reason]).toEqual([409, 'AlreadyExists']);
      expect((await api.get(ref('ConfigMap', 'born')))?.['data']).toEqual({ a: '1' });
    });

    test('list by label and namespace, with apiVersion and kind on every item', async () => {
      await apply(map('l1', { a: '1' }, { set: 'x' }));
      await apply(map('l2', { a: '1' }, { set: 'y' }));
      const found = await api.list({ group: '', kind: 'ConfigMap' }, { namespace: NS, labels: { set: 'x' } });
      expect(found.map((o) => [o.apiVersion, o.kind, o.metadata.name])).toEqual([['v1', 'ConfigMap', 'l1']]);
    });

    test('unknown fields, missing namespaces and immutable fields are refused', async () => {
      const unknown = await failure(apply({ ...web({ replics: 3 }), metadata: { name: 'strict', namespace: NS } }));
      expect(unknown.status).toBe(400);
      expect(unknown.message).toContain('replics');
      const nowhere = { ...map('x', {}), metadata: { name: 'x', namespace: `${NS}-nowhere` } };
      expect((await failure(apply(nowhere))).status).toBe(404);
      await apply({ ...web({}), metadata: { name: 'frozen', namespace: NS } });
      const other = web({ selector: { matchLabels: { app: 'other' } } });
      const template = {
        metadata: { labels: { app: 'other' } },
        spec: { containers: [{ name: 'web', image: 'example/web:1' }] },
      };
      const moved = {
        ...other,
        metadata: { name: 'frozen', namespace: NS },
        spec: { ...dictOf(other['spec']), template },
      };
      const frozen = await failure(apply(moved, { force: true }));
      expect(frozen.status).toBe(422);
      expect(frozen.message).toContain('immutable');
    });

    test('generation moves with the spec where the kind has one', async () => {
      const one = await apply({ ...web({ replicas: 1 }), metadata: { name: 'gen', namespace: NS } });
      const two = await apply({ ...web({ replicas: 2 }), metadata: { name: 'gen', namespace: NS } });
      expect(two.object.metadata.generation).toBe((one.object.metadata.generation ?? 0) + 1);
      expect((await apply(map('nogen', { a: '1' }))).object.metadata.generation).toBeUndefined();
    });

    test('proxyGet: a pod that is not there, and one without an address', async () => {
      const at = { namespace: NS, pod: 'nobody', port: 8080 };
      expect((await failure(api.proxyGet(at, '/metrics'))).status).toBe(404);
      // A server without controllers makes no default account, and no pod without one.
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: NS } });
      const spec = { nodeSelector: { 'tw-contract': 'nowhere' }, containers: [{ name: 'c', image: 'example/c:1' }] };
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'waits', namespace: NS }, spec });
      expect((await failure(api.proxyGet({ ...at, pod: 'waits' }, '/metrics'))).status).toBe(400);
      const ended = await failure(api.proxyGet({ ...at, pod: 'waits' }, '/metrics', AbortSignal.abort()));
      expect(ended.status).toBe(0);
    });

    test('patch: a failed test refuses the whole patch', async () => {
      await apply(map('patched', { a: '1' }));
      const bad = await failure(
        api.patch(
          ref('ConfigMap', 'patched'),
          [
            { op: 'test', path: '/data/a', value: '9' },
            { op: 'replace', path: '/data/a', value: '2' },
          ],
          'm',
        ),
      );
      expect(bad.status).toBe(422);
      const good = await api.patch(
        ref('ConfigMap', 'patched'),
        [
          { op: 'test', path: '/data/a', value: '1' },
          { op: 'replace', path: '/data/a', value: '2' },
        ],
        'm',
      );
      expect(good['data']).toEqual({ a: '2' });
    });
  });
}
