import { clean } from '../kernel/index.ts';
import type { KubeObject, Ref } from './model.ts';
import { health } from './plan/health.ts';
import { dictOf, listOf, sayRef, textOf } from './plan/objects.ts';
import type { KubeApi } from './ports.ts';

const LINES = 3;

function selects(o: KubeObject): Record<string, string> | undefined {
  const labels = dictOf(dictOf(dictOf(o['spec'])['selector'])['matchLabels']);
  const pairs = Object.entries(labels).flatMap(([k, v]) => (typeof v === 'string' ? [[k, v] as const] : []));
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

async function lastLines(api: KubeApi, pod: KubeObject): Promise<string[]> {
  const statuses = listOf(dictOf(pod['status'])['containerStatuses']);
  const bad = statuses.find((c) => c['ready'] !== true) ?? statuses[0];
  const container = textOf(bad?.['name']);
  const restarted = Number(bad?.['restartCount'] ?? 0) > 0;
  const ref = {
    namespace: pod.metadata.namespace ?? 'default',
    name: pod.metadata.name,
    ...(container === undefined ? {} : { container }),
  };
  const out: string[] = [];
  try {
    const signal = AbortSignal.timeout(3000);
    for await (const line of api.logs(ref, { follow: false, tailLines: LINES, previous: restarted }, signal))
      out.push(clean(line.replace(/^\S+ /, '')));
  } catch {
    // A pod that never ran has no log; the event says why.
  }
  return out;
}

/** Something else may bear the same name, such as an autoscaler: only events about these objects count. */
const isAbout = (e: KubeObject, about: ReadonlySet<string>): boolean => {
  const o = dictOf(e['involvedObject']);
  return about.has(`${textOf(o['kind']) ?? ''} ${textOf(o['name']) ?? ''}`);
};

function newest(events: readonly KubeObject[], objects: ReadonlySet<string>): string | undefined {
  const time = (e: KubeObject): string =>
    textOf(e['lastTimestamp']) ?? textOf(e['eventTime']) ?? e.metadata.creationTimestamp ?? '';
  const about = events
    .filter((e) => isAbout(e, objects) && e['type'] === 'Warning')
    .toSorted((a, b) => (time(a) < time(b) ? 1 : -1));
  const event = about[0];
  if (event === undefined) return undefined;
  return clean(`${textOf(event['reason']) ?? ''}: ${textOf(event['message']) ?? ''}`);
}

async function podsOf(api: KubeApi, o: KubeObject): Promise<KubeObject[]> {
  const labels = selects(o);
  const namespace = o.metadata.namespace;
  if (labels === undefined || namespace === undefined) return [];
  return api.list({ group: '', kind: 'Pod' }, { namespace, labels });
}

const REVISIONS = ['pod-template-hash', 'controller-revision-hash'];
const revision = (p: KubeObject): string =>
  REVISIONS.map((l) => p.metadata.labels?.[l]).find((v) => v !== undefined) ?? '';

/** Why a pod of the object's newest revision cannot start; undefined: none is like that, or it cannot be said. */
export async function cannotStart(api: KubeApi, o: KubeObject): Promise<string | undefined> {
  try {
    const pods = await podsOf(api, o);
    const born = (p: KubeObject): string => p.metadata.creationTimestamp ?? '';
    const newest = pods.toSorted((a, b) => (born(a) < born(b) ? 1 : -1))[0];
    if (newest === undefined) return undefined;
    const sick = pods.find((p) => revision(p) === revision(newest) && health(p).state === 'Degraded');
    return sick === undefined ? undefined : health(sick).message;
  } catch {
    return undefined;
  }
}

/** Why an object is not healthy, innermost first: last log lines, event, pod, object. Never throws. */
export async function blame(api: KubeApi, ref: Ref): Promise<string[]> {
  try {
    const o = await api.get(ref);
    if (o === undefined) return [`${sayRef(ref)} is not there`];
    const pods = await podsOf(api, o);
    const sick = pods.find((p) => health(p).state === 'Degraded') ?? pods.find((p) => health(p).state !== 'Healthy');
    const events = await api.list(
      { group: '', kind: 'Event' },
      ref.namespace === undefined ? {} : { namespace: ref.namespace },
    );
    const event = newest(
      events,
      new Set([`${ref.kind} ${ref.name}`, ...(sick === undefined ? [] : [`Pod ${sick.metadata.name}`])]),
    );
    const lines = sick === undefined ? [] : await lastLines(api, sick);
    const own = health(o);
    return [
      ...lines.toReversed().map((l) => `log: ${l}`),
      ...(event === undefined ? [] : [`event: ${event}`]),
      ...(sick === undefined ? [] : [`pod ${sick.metadata.name}: ${health(sick).message}`]),
      `${sayRef(ref)}: ${own.message}`,
    ];
  } catch (e) {
    return [`${sayRef(ref)}: ${e instanceof Error ? e.message : String(e)}`];
  }
}
