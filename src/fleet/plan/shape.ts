import { LABEL_PREFIX } from '../../kernel/index.ts';
import type { KubeObject, PullCredential } from '../model.ts';
import { containersOf, type Dict, dictOf, listOf, podTemplateOf, textOf } from './objects.ts';

export const LABELS = {
  fleet: `${LABEL_PREFIX}/fleet`,
  app: `${LABEL_PREFIX}/app`,
  version: `${LABEL_PREFIX}/version`,
} as const;

/** Splits `host:5000/team/web:v1@sha256:…`; the tag starts after the last slash. */
export function splitImage(image: string): { name: string; tag?: string; digest?: string } {
  const [rest = '', digest] = image.split('@');
  const slash = rest.lastIndexOf('/');
  const colon = rest.indexOf(':', slash + 1);
  return {
    name: colon < 0 ? rest : rest.slice(0, colon),
    ...(colon < 0 ? {} : { tag: rest.slice(colon + 1) }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The app's own images get the app's version as tag: those whose name ends with `/<app>`. */
export function setVersion(o: KubeObject, app: string, version: string): boolean {
  let own = false;
  for (const c of containersOf(o)) {
    const { name } = splitImage(textOf(c['image']) ?? '');
    if (name !== app && !name.endsWith(`/${app}`)) continue;
    c['image'] = `${name}:${version}`;
    own = true;
  }
  return own;
}

export function labelPods(o: KubeObject, labels: Readonly<Record<string, string>>): void {
  const template = podTemplateOf(o);
  if (template === undefined) return;
  const meta = dictOf(template['metadata']);
  template['metadata'] = { ...meta, labels: { ...dictOf(meta['labels']), ...labels } };
}

export function pullSecretName(app: string): string {
  return `tw-${app}-pull`;
}

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** One `kubernetes.io/dockerconfigjson` Secret for all registries of the app. */
export function pullSecret(app: string, namespace: string, pull: readonly PullCredential[]): KubeObject {
  const auths = Object.fromEntries(
    pull.map((p) => [
      p.registry,
      { username: p.username, password: p.password, auth: base64(`${p.username}:${p.password}`) },
    ]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: pullSecretName(app), namespace },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': base64(JSON.stringify({ auths })) },
  };
}

/** Names the pull secret in the pod template; other entries stay. */
export function addPullSecret(o: KubeObject, name: string): void {
  const template = podTemplateOf(o);
  if (template === undefined) return;
  const spec: Dict = dictOf(template['spec']);
  const list = listOf(spec['imagePullSecrets']);
  if (!list.some((s) => s['name'] === name)) spec['imagePullSecrets'] = [...list, { name }];
}

/** `stringData` is write-only: it goes into `data`, so that what is sent can be compared with what is there. */
export function foldStringData(o: KubeObject): void {
  if (o.apiVersion !== 'v1' || o.kind !== 'Secret') return;
  const plain = dictOf(o['stringData']);
  if (Object.keys(plain).length === 0) return;
  const data = Object.entries(plain).map(([k, v]) => [k, base64(String(v))]);
  o['data'] = { ...dictOf(o['data']), ...Object.fromEntries(data) };
  delete o['stringData'];
}

/** What the server fills in is never sent. */
export function dropServerFields(o: KubeObject): void {
  delete o['status'];
  for (const f of ['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields'] as const)
    delete o.metadata[f];
  const spec = dictOf(o['spec']);
  if (o.apiVersion !== 'v1' || o.kind !== 'Service') return;
  if (spec['clusterIP'] !== 'None') {
    delete spec['clusterIP'];
    delete spec['clusterIPs'];
  }
  for (const port of listOf(spec['ports'])) delete port['nodePort'];
}
