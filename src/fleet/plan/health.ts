import type { Health, HealthState, KubeObject } from '../model.ts';
import { type Dict, dictOf, groupOf, listOf, numberOf, textOf } from './objects.ts';

const ORDER: readonly HealthState[] = ['Healthy', 'Suspended', 'Progressing', 'Unknown', 'Missing', 'Degraded'];

const is = (state: HealthState, message = ''): Health => ({ state, message });

/** The worse of all; with its message. Nothing at all is Unknown. */
export function fold(all: readonly Health[]): Health {
  return (
    all.reduce<Health | undefined>(
      (worst, h) => (worst === undefined || ORDER.indexOf(h.state) > ORDER.indexOf(worst.state) ? h : worst),
      undefined,
    ) ?? is('Unknown', 'nothing is known')
  );
}

interface Parts {
  spec: Dict;
  status: Dict;
  conditions: Dict[];
}
const condition = (p: Parts, type: string): Dict | undefined => p.conditions.find((c) => c['type'] === type);
const holds = (c: Dict | undefined, status = 'True'): boolean => c?.['status'] === status;
const say = (c: Dict | undefined): string => textOf(c?.['message']) ?? textOf(c?.['reason']) ?? '';
const count = (v: unknown): number => numberOf(v) ?? 0;

function deployment(p: Parts): Health {
  const wanted = numberOf(p.spec['replicas']) ?? 1;
  const progressing = condition(p, 'Progressing');
  if (p.spec['paused'] === true) return is('Suspended', 'paused');
  if (progressing?.['reason'] === 'ProgressDeadlineExceeded') return is('Degraded', say(progressing));
  const failure = condition(p, 'ReplicaFailure');
  if (holds(failure)) return is('Degraded', say(failure));
  const updated = count(p.status['updatedReplicas']);
  if (updated < wanted) return is('Progressing', `${updated} of ${wanted} replicas updated`);
  if (count(p.status['replicas']) > updated) return is('Progressing', 'old replicas are leaving');
  const ready = count(p.status['availableReplicas']);
  return ready < wanted ? is('Progressing', `${ready} of ${wanted} replicas available`) : is('Healthy');
}

function statefulSet(p: Parts): Health {
  const wanted = numberOf(p.spec['replicas']) ?? 1;
  const ready = count(p.status['readyReplicas']);
  if (ready < wanted) return is('Progressing', `${ready} of ${wanted} replicas ready`);
  const onDelete = dictOf(p.spec['updateStrategy'])['type'] === 'OnDelete';
  if (
    !onDelete &&
    p.status['updateRevision'] !== p.status['currentRevision'] &&
    count(p.status['updatedReplicas']) < wanted
  )
    return is('Progressing', `${count(p.status['updatedReplicas'])} of ${wanted} replicas updated`);
  return is('Healthy');
}

function daemonSet(p: Parts): Health {
  const wanted = count(p.status['desiredNumberScheduled']);
  const updated = count(p.status['updatedNumberScheduled']);
  if (updated < wanted) return is('Progressing', `${updated} of ${wanted} pods updated`);
  const ready = count(p.status['numberAvailable']);
  return ready < wanted ? is('Progressing', `${ready} of ${wanted} pods available`) : is('Healthy');
}

function replicaSet(p: Parts): Health {
  const wanted = numberOf(p.spec['replicas']) ?? 1;
  const failure = condition(p, 'ReplicaFailure');
  if (holds(failure)) return is('Degraded', say(failure));
  const ready = count(p.status['availableReplicas']);
  return ready < wanted ? is('Progressing', `${ready} of ${wanted} replicas available`) : is('Healthy');
}

function job(p: Parts): Health {
  const failed = condition(p, 'Failed');
  if (holds(failed)) return is('Degraded', say(failed));
  if (holds(condition(p, 'Complete'))) return is('Healthy');
  return p.spec['suspend'] === true ? is('Suspended', 'suspended') : is('Progressing', 'running');
}

const WAITING_BAD =
  /^(CrashLoopBackOff|ErrImagePull|ImagePullBackOff|InvalidImageName|CreateContainer.*|RunContainerError|ErrImageNeverPull)$/;

function waitingBadly(c: Dict): Health | undefined {
  const waiting = dictOf(dictOf(c['state'])['waiting']);
  const reason = textOf(waiting['reason']) ?? '';
  if (!WAITING_BAD.test(reason)) return undefined;
  const code = numberOf(dictOf(dictOf(c['lastState'])['terminated'])['exitCode']);
  const exit = code === undefined ? '' : ` (exit ${code})`;
  return is('Degraded', `${textOf(c['name']) ?? ''}: ${reason}${exit} ${textOf(waiting['message']) ?? ''}`.trim());
}

function pod(p: Parts): Health {
  const all = [...listOf(p.status['initContainerStatuses']), ...listOf(p.status['containerStatuses'])];
  const bad = all.map(waitingBadly).find((h) => h !== undefined);
  if (bad !== undefined) return bad;
  switch (p.status['phase']) {
    case 'Succeeded':
      return is('Healthy');
    case 'Failed':
      return is('Degraded', textOf(p.status['message']) ?? textOf(p.status['reason']) ?? 'failed');
    case 'Running':
      return holds(condition(p, 'Ready')) ? is('Healthy') : is('Progressing', say(condition(p, 'Ready')));
    default:
      return is('Progressing', say(condition(p, 'PodScheduled')) || (textOf(p.status['phase']) ?? 'pending'));
  }
}

function service(p: Parts): Health {
  if (p.spec['type'] !== 'LoadBalancer') return is('Healthy');
  const ingress = listOf(dictOf(p.status['loadBalancer'])['ingress']);
  return ingress.length > 0 ? is('Healthy') : is('Progressing', 'waits for the address of the load balancer');
}

function claim(p: Parts): Health {
  if (p.status['phase'] === 'Lost') return is('Degraded', 'the volume is lost');
  return p.status['phase'] === 'Bound' ? is('Healthy') : is('Progressing', 'not bound yet');
}

function autoscaler(p: Parts): Health {
  const active = condition(p, 'ScalingActive');
  const able = condition(p, 'AbleToScale');
  if (holds(able, 'False')) return is('Degraded', say(able));
  if (holds(active, 'False') && active?.['reason'] !== 'ScalingDisabled') return is('Progressing', say(active));
  return is('Healthy');
}

function namespace(p: Parts): Health {
  return p.status['phase'] === 'Terminating' ? is('Progressing', 'being deleted') : is('Healthy');
}

function definition(p: Parts): Health {
  const names = condition(p, 'NamesAccepted');
  if (holds(names, 'False')) return is('Degraded', say(names));
  return holds(condition(p, 'Established')) ? is('Healthy') : is('Progressing', 'not established yet');
}

function generic(p: Parts): Health {
  for (const type of ['Ready', 'Available', 'Healthy', 'Programmed']) {
    const c = condition(p, type);
    if (holds(c)) return is('Healthy');
    if (holds(c, 'False')) return is('Progressing', say(c));
  }
  return is('Healthy');
}

const RULES: Readonly<Record<string, (p: Parts) => Health>> = {
  'apps/Deployment': deployment,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'apps/ReplicaSet': replicaSet,
  'batch/Job': job,
  '/Pod': pod,
  '/Service': service,
  '/PersistentVolumeClaim': claim,
  'autoscaling/HorizontalPodAutoscaler': autoscaler,
  '/Namespace': namespace,
  'apiextensions.k8s.io/CustomResourceDefinition': definition,
};

/** Kinds whose status names the generation it speaks of. */
const OBSERVES = new Set(['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'apps/ReplicaSet']);

/** Health of one object by its own status; `undefined` = it is not there. */
export function health(o: KubeObject | undefined): Health {
  if (o === undefined) return is('Missing', 'it is not there');
  if (o.metadata.deletionTimestamp !== undefined) return is('Progressing', 'being deleted');
  const id = `${groupOf(o.apiVersion)}/${o.kind}`;
  const status = dictOf(o['status']);
  const observed = numberOf(status['observedGeneration']) ?? (OBSERVES.has(id) ? 0 : undefined);
  if (observed !== undefined && observed < (o.metadata.generation ?? 0))
    return is('Progressing', 'the controller has not seen this generation yet');
  const parts = { spec: dictOf(o['spec']), status, conditions: listOf(status['conditions']) };
  return (RULES[id] ?? generic)(parts);
}
