import type { Counters } from '../model.ts';

/** One app's backend as the gateway's counters name it: HTTPRoute and Service of one namespace. */
export interface Backend {
  namespace: string;
  route: string;
  service: string;
}
/** One series: `id` is its name with all labels. */
interface Sample {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}
/** What one pod of Traefik tells. `process` names its run: every number starts anew with it. */
export interface Scrape {
  process: string;
  samples: readonly Sample[];
}
interface Series {
  sample: Sample;
  /** What it had reached before it started anew. */
  base: number;
}
/** All that one pod has ever told. */
export interface PodMemory {
  process: string;
  series: ReadonlyMap<string, Series>;
}

const SERVICE = 'traefik_service_requests_total';
const ROUTER = 'traefik_router_requests_total';
const LATENCY = 'traefik_service_request_duration_seconds_bucket';
const WANTED = new Set([SERVICE, ROUTER, LATENCY]);
const LINE = /^(([A-Za-z_:][\w:]*)(?:\{(.*)\})?)\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const STARTED = /^process_start_time_seconds (\S+)/m;

/** As Traefik writes names into a router's: runs of other signs become one dash. */
const normal = (text: string): string => text.split(/[^A-Za-z0-9]+/).join('-');
const headOf = (b: Omit<Backend, 'service'>): string => normal(`httproute-${b.namespace}-${b.route}-gw`);

/** The series of one HTTPRoute in the text format of Prometheus. */
export function scrapeOf(text: string, b: Omit<Backend, 'service'>): Scrape {
  const head = `${headOf(b)}-`;
  const samples = text.split('\n').flatMap((line): Sample[] => {
    const [, id = '', name = '', labels = '', value = ''] = LINE.exec(line) ?? [];
    if (!WANTED.has(name) || !labels.includes(`="${head}`)) return [];
    const pairs = [...labels.matchAll(LABEL)].map((m) => [m[1] ?? '', m[2] ?? '']);
    return [{ id, name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
  return { process: STARTED.exec(text)?.[1] ?? '', samples };
}

/**
 * The memory of a pod with a new scrape. A series that is smaller than before, or of a new process, has
 * started anew; one that is missing was dropped: Traefik forgets series of a backend that is gone from its
 * configuration once they were read, and begins at 0 when it is back.
 */
export function remember(before: PodMemory | undefined, now: Scrape): PodMemory {
  const sameRun = before?.process === now.process;
  const series = new Map<string, Series>(now.samples.map((sample) => [sample.id, { sample, base: 0 }]));
  for (const [id, old] of before?.series ?? []) {
    const sample = series.get(id)?.sample ?? { ...old.sample, value: 0 };
    const grew = sameRun && sample.value >= old.sample.value;
    series.set(id, { sample, base: grew ? old.base : old.base + old.sample.value });
  }
  return { process: now.process, series };
}

/** gRPC's own codes stand in the place of HTTP's: unknown, deadline, exhausted, unimplemented … data loss. */
const GRPC_ERRORS = new Set(['2', '4', '8', '12', '13', '14', '15']);
const isGrpc = (s: Sample): boolean => (s.labels['protocol'] ?? '').startsWith('grpc');

/** 499: the user went away. 0: a websocket, which has no status; in gRPC 0 is success. */
function counts(s: Sample): boolean {
  const code = s.labels['code'] ?? '';
  return code !== '499' && (code !== '0' || isGrpc(s));
}
function fails(s: Sample): boolean {
  const code = s.labels['code'] ?? '';
  return isGrpc(s) ? GRPC_ERRORS.has(code) : Number(code) >= 500;
}

const sum = (all: readonly Sample[]): number => all.reduce((n, s) => n + s.value, 0);
/** A router's name ends in the index of the rule and 10 bytes of a hash. */
const ROUTER_NAME = /^.+-\d+-[0-9a-f]{20}(?=@|-svc-)/;

/**
 * Failures that the gateway answered itself: 503 when a backend had no endpoint, 500 when it did not exist.
 * The route's router counts them and no service does. Which backend was meant is not told, so all of the
 * route's bear them: only those with weight can be meant, after a flip the live one alone.
 */
function unserved(all: readonly Sample[]): number {
  const left = new Map<string, number>();
  for (const s of all.filter(fails)) {
    if (s.name === LATENCY) continue;
    const of = s.name === ROUTER ? s.labels['router'] : s.labels['service'];
    const router = ROUTER_NAME.exec(of ?? '')?.[0];
    const key = `${router} ${s.labels['code']} ${s.labels['protocol']}`;
    left.set(key, (left.get(key) ?? 0) + (s.name === ROUTER ? s.value : -s.value));
  }
  // The two are not read at one moment: below zero is a request that was just being counted.
  return [...left.values()].reduce((n, v) => n + Math.max(0, v), 0);
}

function latencyOf(mine: readonly Sample[]): Counters['latency'] {
  const at = new Map<number, number>();
  for (const s of mine) {
    const le = s.labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(s.labels['le']);
    at.set(le, (at.get(le) ?? 0) + s.value);
  }
  return [...at].map(([le, count]) => ({ le, count })).toSorted((a, b) => a.le - b.le);
}

const samplesOf = (pods: readonly PodMemory[]): Sample[] =>
  pods
    .flatMap((p) => [...p.series.values()].map((s) => ({ ...s.sample, value: s.base + s.sample.value })))
    .filter(counts);

/** Failures that no service has counted, over all pods: also those of services that are gone by now. */
export const unservedIn = (pods: readonly PodMemory[]): number => unserved(samplesOf(pods));

/**
 * Counters of one backend over all pods of the gateway, gone ones included. `at`: Unix milliseconds; `alone`:
 * failures that no service has counted, and that this backend bears too.
 */
export function countersOf(
  pods: readonly PodMemory[],
  b: Backend,
  at: number,
  alone: number = unservedIn(pods),
): Counters {
  const all = samplesOf(pods);
  // The label ends in the place among the backends, which changes when others come and go.
  const tail = `-svc-${b.namespace}-${b.service}-`;
  const isMine = (label: string): boolean =>
    /^\d+@kubernetesgateway$/.test(label.slice(label.lastIndexOf(tail) + tail.length)) && label.includes(tail);
  const mine = all.filter((s) => s.name !== ROUTER && isMine(s.labels['service'] ?? ''));
  const served = mine.filter((s) => s.name === SERVICE);
  return {
    at,
    requests: sum(served) + alone,
    errors: sum(served.filter(fails)) + alone,
    latency: latencyOf(mine.filter((s) => s.name === LATENCY)),
  };
}
