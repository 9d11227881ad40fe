import type { KubeObject } from '../model.ts';
import { dictOf, listOf, numberOf, textOf } from './objects.ts';

type Dict = Record<string, unknown>;

/** Proxies go on sending to a pod for so long after it was told to stop. Seconds. */
const DRAIN = 5;
/** What Kubernetes gives a pod to stop when the manifest says nothing. Seconds. */
const GRACE = 30;

const words = (c: Dict): string =>
  [textOf(c['name']), textOf(c['image']), ...[c['command'], c['args']].flatMap((v) => (Array.isArray(v) ? v : []))]
    .map(String)
    .join(' ');

/** Seconds that a container waits before it is told to stop; `undefined`: its hook does something that cannot be read. */
function preStop(c: Dict): number | undefined {
  const hook = dictOf(dictOf(c['lifecycle'])['preStop']);
  if (Object.keys(hook).length === 0) return 0;
  const seconds = numberOf(dictOf(hook['sleep'])['seconds']);
  if (seconds !== undefined) return seconds;
  const command = dictOf(hook['exec'])['command'];
  const slept = /\bsleep\D{0,3}(\d+)/.exec(Array.isArray(command) ? command.map(String).join(' ') : '')?.[1];
  return slept === undefined ? undefined : Number(slept);
}

function serving(c: Dict, grace: number): string[] {
  const waits = preStop(c);
  return [
    ...(c['readinessProbe'] === undefined ? ['has no readinessProbe: it gets users before it can serve them'] : []),
    ...(waits !== undefined && waits < DRAIN
      ? [`preStop waits ${waits} s, ${DRAIN} s are wanted: requests still come for a while after the stop`]
      : []),
    ...(waits !== undefined && grace < waits + DRAIN
      ? [
          `terminationGracePeriodSeconds ${grace} leaves less than ${DRAIN} s after a preStop of ${waits} s for requests to end`,
        ]
      : []),
  ];
}

const MIGRATION = /migrat|flyway|liquibase|alembic|goose|(db|schema)[:_-](migrate|update|upgrade|change)/i;

/**
 * What is not graceful about pods of a version that users are switched to and away from, in words: no readiness probe,
 * too little time to stop, an init container that looks like a migration. Pure.
 */
export function ungraceful(o: KubeObject): string[] {
  const pod = dictOf(dictOf(dictOf(o['spec'])['template'])['spec']);
  const grace = numberOf(pod['terminationGracePeriodSeconds']) ?? GRACE;
  const say = (c: Dict, what: string): string =>
    `${o.kind} ${o.metadata.name}, container ${textOf(c['name']) ?? ''}: ${what}`;
  const served = listOf(pod['containers']).filter((c) => listOf(c['ports']).length > 0);
  // A sidecar is an init container too; it is restarted always.
  const begun = listOf(pod['initContainers']).filter(
    (c) => c['restartPolicy'] !== 'Always' && MIGRATION.test(words(c)),
  );
  const migrates =
    'looks like a migration: it changes the state both versions share before any gate; make it a job of its own';
  return [
    ...served.flatMap((c) => serving(c, grace).map((what) => say(c, what))),
    ...begun.map((c) => say(c, migrates)),
  ];
}
