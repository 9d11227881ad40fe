import type { Override } from '../../config/index.ts';
import { nearest } from '../../kernel/index.ts';
import type { ClusterFacts, KubeObject } from '../model.ts';
import { jsonPatch, mergePatch, PatchMisfit } from './jsonpatch.ts';
import { containersOf, copy, type Dict, dictOf, listOf, podTemplateOf, textOf } from './objects.ts';
import { substituteDeep, type Unknown, type Variables } from './substitute.ts';

/** An override that changes nothing, with what was probably meant. */
export interface Miss {
  path: string;
  why: string;
  near?: string;
}

/** Whether the override speaks of this cluster; an empty `on` is every cluster. */
function matches(on: Override['on'], c: ClusterFacts): boolean {
  return (
    (on.clusters === undefined || on.clusters.includes(c.name)) &&
    (on.clouds === undefined || on.clouds.includes(c.cloud)) &&
    (on.regions === undefined || on.regions.includes(c.region)) &&
    Object.entries(on.labels ?? {}).every(([k, v]) => c.labels[k] === v)
  );
}

const isTarget = (o: KubeObject, t: Override['target']): boolean =>
  (t?.kind === undefined || t.kind === o.kind) && (t?.name === undefined || t.name === o.metadata.name);

/** Changes the object in place; true when it had something to change. */
type Setter = (o: KubeObject) => boolean;

function eachContainer(o: KubeObject, change: (c: Dict) => boolean): boolean {
  return containersOf(o)
    .map(change)
    .some((hit) => hit);
}

function setEnv(c: Dict, env: Readonly<Record<string, string>>): boolean {
  const list = listOf(c['env']);
  for (const [name, value] of Object.entries(env)) {
    const i = list.findIndex((e) => e['name'] === name);
    if (i < 0) list.push({ name, value });
    else list[i] = { name, value };
  }
  c['env'] = list;
  return true;
}

function setImage(o: KubeObject, images: Readonly<Record<string, string>>): boolean {
  return eachContainer(o, (c) => {
    const image = images[textOf(c['name']) ?? ''];
    if (image !== undefined) c['image'] = image;
    return image !== undefined;
  });
}

function setField(name: 'args' | 'command' | 'resources', value: unknown): Setter {
  return (o) =>
    eachContainer(o, (c) => {
      c[name] = copy(value);
      return true;
    });
}

function setStorageClass(o: KubeObject, name: string): boolean {
  const claims = o.kind === 'PersistentVolumeClaim' ? [o as Dict] : listOf(dictOf(o['spec'])['volumeClaimTemplates']);
  for (const claim of claims) claim['spec'] = { ...dictOf(claim['spec']), storageClassName: name };
  return claims.length > 0;
}

function setReplicas(o: KubeObject, replicas: number): boolean {
  if (!['Deployment', 'StatefulSet', 'ReplicaSet'].includes(o.kind)) return false;
  o['spec'] = { ...dictOf(o['spec']), replicas };
  return true;
}

function setMeta(field: 'labels' | 'annotations', value: Readonly<Record<string, string>>): Setter {
  return (o) => {
    o.metadata[field] = { ...o.metadata[field], ...value };
    const template = podTemplateOf(o);
    if (field === 'labels' && template !== undefined && o.kind !== 'Pod') {
      const meta = dictOf(template['metadata']);
      template['metadata'] = { ...meta, labels: { ...dictOf(meta['labels']), ...value } };
    }
    return true;
  };
}

function settersOf(o: Override): [field: string, set: Setter][] {
  const out: [string, Setter][] = [];
  const { image, env, args, command, resources, storageClass, replicas, labels, annotations } = o;
  if (image !== undefined) out.push(['image', (x) => setImage(x, image)]);
  if (env !== undefined) out.push(['env', (x) => eachContainer(x, (c) => setEnv(c, env))]);
  if (args !== undefined) out.push(['args', setField('args', args)]);
  if (command !== undefined) out.push(['command', setField('command', command)]);
  if (resources !== undefined) out.push(['resources', setField('resources', resources)]);
  if (storageClass !== undefined) out.push(['storageClass', (x) => setStorageClass(x, storageClass)]);
  if (replicas !== undefined) out.push(['replicas', (x) => setReplicas(x, replicas)]);
  if (labels !== undefined) out.push(['labels', setMeta('labels', labels)]);
  if (annotations !== undefined) out.push(['annotations', setMeta('annotations', annotations)]);
  return out;
}

function missOf(path: string, field: string, o: Override, objects: readonly KubeObject[]): Miss {
  if (field === 'image') {
    const names = objects.flatMap((x) => containersOf(x).map((c) => textOf(c['name']) ?? ''));
    const wanted = Object.keys(o.image ?? {})[0] ?? '';
    const near = nearest(wanted, names);
    return { path, why: `no container is called ${wanted}`, ...(near === undefined ? {} : { near }) };
  }
  return { path, why: 'no object of the app has such a field' };
}

interface Work {
  objects: KubeObject[];
  misses: Miss[];
}

function applyFields(work: Work, o: Override, targets: readonly number[], at: string): void {
  for (const [field, set] of settersOf(o)) {
    const all = targets.map((i) => work.objects[i]).filter((x) => x !== undefined);
    const hits = all.map(set);
    if (!hits.some((h) => h)) work.misses.push(missOf(`${at}.${field}`, field, o, all));
  }
}

function applyPatches(work: Work, o: Override, targets: readonly number[], at: string): void {
  for (const i of targets) {
    const object = work.objects[i];
    if (object === undefined) continue;
    try {
      const patched = o.patch === undefined ? object : jsonPatch(object, o.patch);
      work.objects[i] = (o.merge === undefined ? patched : mergePatch(patched, o.merge)) as KubeObject;
    } catch (e) {
      if (!(e instanceof PatchMisfit)) throw e;
      work.misses.push({
        path: `${at}.patch`,
        why: `${object.kind} ${object.metadata.name}: ${e.message}`,
        ...(e.near === undefined ? {} : { near: e.near }),
      });
    }
  }
}

function noTarget(o: Override, objects: readonly KubeObject[], at: string): Miss {
  const { kind = 'object', name = '' } = o.target ?? {};
  const want = `${kind} ${name}`.trim();
  const names = objects.map((x) => x.metadata.name);
  const kinds = objects.map((x) => x.kind);
  const near = nearest(name, names) ?? nearest(kind, kinds);
  return { path: `${at}.target`, why: `the app has no ${want}`, ...(near === undefined ? {} : { near }) };
}

/**
 * Applies the overrides that speak of the cluster, in order, to copies of the objects.
 * `${cluster.*}` and `${app.*}` are replaced in every value; what matches nothing is reported.
 */
export function override(
  input: readonly KubeObject[],
  overrides: readonly Override[],
  cluster: ClusterFacts,
  vars: Variables,
): { objects: KubeObject[]; misses: Miss[] } {
  const work: Work = { objects: copy([...input]), misses: [] };
  for (const [n, raw] of overrides.entries()) {
    if (!matches(raw.on, cluster)) continue;
    const at = `overrides.${n}`;
    const unknown: Unknown[] = [];
    const o = { ...substituteDeep({ ...raw, on: {} }, vars, unknown), on: raw.on } as Override;
    for (const u of unknown)
      work.misses.push({
        path: at,
        why: `\${${u.variable}} is unknown`,
        ...(u.near === undefined ? {} : { near: `\${${u.near}}` }),
      });
    const targets = work.objects.flatMap((x, i) => (isTarget(x, o.target) ? [i] : []));
    if (targets.length === 0) work.misses.push(noTarget(o, work.objects, at));
    else {
      applyFields(work, o, targets, at);
      if (o.patch !== undefined || o.merge !== undefined) applyPatches(work, o, targets, at);
    }
  }
  return work;
}

/** Overrides that speak of none of the placed clusters. */
export function idleOverrides(overrides: readonly Override[], placed: readonly ClusterFacts[]): Miss[] {
  return overrides.flatMap((o, n) => {
    if (placed.some((c) => matches(o.on, c))) return [];
    const near = nearest(
      o.on.clusters?.[0] ?? '',
      placed.map((c) => c.name),
    );
    return [
      {
        path: `overrides.${n}.on`,
        why: 'it speaks of no cluster that carries the app',
        ...(near === undefined ? {} : { near }),
      },
    ];
  });
}
