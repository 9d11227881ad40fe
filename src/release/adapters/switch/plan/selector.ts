import { dictOf, type KubeObject, textOf } from '../../../../fleet/index.ts';
import type { VersionId } from '../../../model.ts';
import {
  APP_LABEL,
  type At,
  edited,
  firstNotes,
  guards,
  hasNotes,
  type Noted,
  noted,
  noteOps,
  notesOver,
  type PatchOp,
  pointer,
  repair,
  type Target,
  VERSION_LABEL,
} from './notes.ts';

type Dict = Record<string, unknown>;
const PATH = pointer('spec', 'selector', VERSION_LABEL);

const selectorOf = (o: KubeObject): Dict => dictOf(dictOf(o['spec'])['selector']);
/** The selector of all versions. */
export function broadSelector(o: KubeObject): Dict {
  const { [VERSION_LABEL]: _, ...rest } = selectorOf(o);
  return rest;
}

/** A Service that no release has touched yet: `create` turns it into a switch. */
export const isPlain = (o: KubeObject): boolean => !hasNotes(o) && selectorOf(o)[VERSION_LABEL] === undefined;

/** The app's own Service as a switch; `plain` as rendered from the manifests. */
export function newSwitch(plain: KubeObject, app: string, live: VersionId): KubeObject {
  const { labels, annotations, ...meta } = plain.metadata;
  return {
    ...plain,
    metadata: {
      ...meta,
      labels: { ...labels, [APP_LABEL]: app },
      annotations: { ...annotations, ...firstNotes(live) },
    },
    spec: { ...dictOf(plain['spec']), selector: { ...broadSelector(plain), [VERSION_LABEL]: live } },
  };
}

/** Turns a plain Service that exists into the switch, unless anybody changes it at the same moment. */
export function takePatch(o: KubeObject, live: VersionId): PatchOp[] {
  const { uid, resourceVersion, annotations } = o.metadata;
  return [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'add', path: '/metadata/annotations', value: { ...annotations, ...firstNotes(live) } },
    { op: 'add', path: '/spec/selector', value: { ...selectorOf(o), [VERSION_LABEL]: live } },
  ];
}

/** What the switch says. Throws TW7021 when annotations and selector disagree: then neither is trusted. */
export function serviceState(at: At): Noted {
  const n = noted(at);
  const found = textOf(selectorOf(at.object)[VERSION_LABEL]);
  if (found === n.state.live) return n;
  throw edited(at, {
    field: ['spec', 'selector', VERSION_LABEL],
    expected: `selector ${VERSION_LABEL}=${n.state.live}`,
    found: found === undefined ? 'no such selector' : `${VERSION_LABEL}=${found}`,
    fix: repair(at.object, [...guards(n.state), { op: 'add', path: PATH, value: n.state.live }]),
  });
}

/** One patch: tests of uid, fence and the whole selector as it was read, then annotations and the version. */
export function servicePatch(at: At, to: Target, keep: readonly VersionId[]): PatchOp[] {
  const n = serviceState(at);
  return [
    ...guards(n.state),
    { op: 'test', path: '/spec/selector', value: selectorOf(at.object) },
    ...noteOps(to, keep.length > 0 ? keep : [to.live], n.state.uid),
    ...(n.state.live === to.live ? [] : [{ op: 'replace' as const, path: PATH, value: to.live }]),
  ];
}

/** The version that is selected; absent: all of them. */
export const selected = (o: KubeObject): VersionId | undefined => textOf(selectorOf(o)[VERSION_LABEL]);

/** Notes and selector as a person decided, over whatever is there. */
export function serviceTake(at: At, to: Target, keep: readonly VersionId[]): PatchOp[] {
  const notes = notesOver(at.object, to, keep.length > 0 ? keep : [to.live]);
  return [
    { op: 'add', path: '/metadata/annotations', value: notes },
    { op: 'add', path: '/spec/selector', value: { ...selectorOf(at.object), [VERSION_LABEL]: to.live } },
  ];
}

/** A Service of one version beside the switch, reachable inside the cluster. */
export function previewService(o: KubeObject, app: string, version: VersionId): KubeObject {
  const { ports } = dictOf(o['spec']);
  const plain = (Array.isArray(ports) ? ports : []).map((p) => {
    const { nodePort: _, ...port } = dictOf(p);
    return port;
  });
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${o.metadata.name}-preview`,
      namespace: o.metadata.namespace ?? 'default',
      labels: { [APP_LABEL]: app },
    },
    spec: { type: 'ClusterIP', ports: plain, selector: { ...broadSelector(o), [VERSION_LABEL]: version } },
  };
}
