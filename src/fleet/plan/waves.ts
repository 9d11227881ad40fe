import { LABEL_PREFIX } from '../../kernel/index.ts';
import type { KubeObject } from '../model.ts';
import { groupOf } from './objects.ts';

const RANK: Readonly<Record<string, number>> = {
  '/Namespace': 0,
  'apiextensions.k8s.io/CustomResourceDefinition': 0,
  '/ResourceQuota': 0,
  '/LimitRange': 0,
  'scheduling.k8s.io/PriorityClass': 0,
  '/ServiceAccount': 1,
  'rbac.authorization.k8s.io/Role': 1,
  'rbac.authorization.k8s.io/RoleBinding': 1,
  'rbac.authorization.k8s.io/ClusterRole': 1,
  'rbac.authorization.k8s.io/ClusterRoleBinding': 1,
  '/Secret': 1,
  '/ConfigMap': 1,
  '/PersistentVolume': 1,
  '/PersistentVolumeClaim': 1,
  'storage.k8s.io/StorageClass': 1,
  '/Service': 2,
  'networking.k8s.io/NetworkPolicy': 2,
  'policy/PodDisruptionBudget': 2,
  'apps/StatefulSet': 3,
  'apps/Deployment': 3,
  'apps/DaemonSet': 3,
  'apps/ReplicaSet': 3,
  '/Pod': 3,
  'batch/Job': 4,
  'batch/CronJob': 4,
  'autoscaling/HorizontalPodAutoscaler': 5,
  'networking.k8s.io/Ingress': 5,
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration': 6,
  'admissionregistration.k8s.io/MutatingWebhookConfiguration': 6,
};
const OTHER = 5;
const RANKS = 10;

const WAVE_ANNOTATION = `${LABEL_PREFIX}/wave`;
const EXPLICIT = [WAVE_ANNOTATION, 'argocd.argoproj.io/sync-wave'];

/** Wave of an object: the explicit number first, the kind inside it. A Namespace is always first. */
export function waveOf(o: KubeObject): number {
  const rank = RANK[`${groupOf(o.apiVersion)}/${o.kind}`] ?? OTHER;
  if (o.kind === 'Namespace') return Number.MIN_SAFE_INTEGER;
  const text = EXPLICIT.map((a) => o.metadata.annotations?.[a]).find((v) => v !== undefined);
  const explicit = text === undefined ? 0 : Number.parseInt(text, 10);
  return (Number.isSafeInteger(explicit) ? explicit : 0) * RANKS + rank;
}

const GATED = new Set([
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apps/StatefulSet',
  'apps/Deployment',
  'apps/DaemonSet',
  'apps/ReplicaSet',
  '/Pod',
  'batch/Job',
]);

/** Whether the next wave waits for this kind to be healthy. PVC, HPA and addresses of load balancers do not gate. */
export function isGated(group: string, kind: string): boolean {
  return GATED.has(`${group}/${kind}`);
}
