// Ways to release one app in all planes: N Rollouts with a script over them, in three manners, and Tradewind.
import { setTimeout as delay } from 'node:timers/promises';
import { dictOf, type KubeObject, listOf, textOf } from '../../src/fleet/index.ts';
import { until } from '../lib/child.ts';
import { kubectlRun } from './kubectl.ts';
import type { Planes } from './plane.ts';

export interface Fleet {
  planes: Planes;
  kubectl: string;
  names: readonly string[];
}
/** What the release itself says at its end; `killed`: it could not. */
export type Said = 'done' | 'failed' | 'killed';
export interface Arm {
  name: string;
  /** Blue serves in every cluster. */
  stand(f: Fleet, ns: string): Promise<void>;
  /** Moves all to v2. `stop`: kills whoever does it; `first` tells when the first cluster is ordered to change. */
  release(f: Fleet, ns: string, x: { stop: AbortSignal; first(): void }): Promise<Said>;
  /** Takes all back to v1 later. */
  rollback(f: Fleet, ns: string): Promise<Said>;
  /** A person gives up what was just released: the verb the tool has for it. */
  abort(f: Fleet, ns: string): Promise<Said>;
  /** After a kill, 15 s later: somebody else does what can be done. */
  resume?(f: Fleet, ns: string): Promise<Said>;
}

/** Until blue stands, also on a machine that has no time. */
export const STAND_MS = 240_000;
/** The script gives one step so long. */
const STEP_MS = 60_000;
/** Longest that one command waits for its API server. */
const PATIENCE = '--request-timeout=10s';

const service = (ns: string, name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: ns },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
});
const rollout = (ns: string, auto: boolean): KubeObject => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'web', namespace: ns },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:v1' }] } },
    strategy: { blueGreen: { activeService: 'active', previewService: 'preview', autoPromotionEnabled: auto } },
  },
});
export const OWN = { manager: 'bench', dryRun: false, force: true, expect: 'any' } as const;
export const namespace = (ns: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } });

interface Status {
  phase: string;
  message: string;
  /** Paused before the promotion, with everything ready. */
  paused: boolean;
}
const statusOf = (o: unknown): Status => {
  const s = dictOf(dictOf(o)['status']);
  const current = textOf(s['observedGeneration']) === String(dictOf(dictOf(o)['metadata'])['generation']);
  const paused = current && listOf(s['pauseConditions']).length > 0;
  return { phase: current ? (textOf(s['phase']) ?? '') : '', message: textOf(s['message']) ?? '', paused };
};

class Script {
  readonly f: Fleet;
  readonly ns: string;
  readonly stop: AbortSignal;
  constructor(f: Fleet, ns: string, stop: AbortSignal = new AbortController().signal) {
    this.f = f;
    this.ns = ns;
    this.stop = stop;
  }
  run(cluster: string, ...args: string[]): Promise<string> {
    const at = ['--kubeconfig', this.f.planes.kubeconfig, '--context', cluster, '-n', this.ns, PATIENCE];
    return kubectlRun(this.f.kubectl, [...at, ...args], this.stop);
  }
  image(c: string, version: string): Promise<string> {
    const body = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: `web:${version}` }];
    return this.run(c, 'patch', 'rollout', 'web', '--type=json', '-p', JSON.stringify(body));
  }
  status(c: string, body: object): Promise<string> {
    const merge = ['--subresource=status', '--type=merge', '-p', JSON.stringify({ status: body })];
    return this.run(c, 'patch', 'rollout', 'web', ...merge);
  }
  /** What `promote` of its plugin sends. */
  promote = (c: string): Promise<string> => this.status(c, { pauseConditions: null });
  abort = (c: string): Promise<string> => this.status(c, { abort: true });
  async wait(c: string, is: (s: Status) => boolean, ms = STEP_MS): Promise<boolean> {
    const end = performance.now() + ms;
    while (performance.now() < end && !this.stop.aborted) {
      const text = await this.run(c, 'get', 'rollout', 'web', '-o', 'json').catch(() => '{}');
      if (is(statusOf(JSON.parse(text)))) return true;
      await delay(500, undefined, { signal: this.stop }).catch(() => undefined);
    }
    return false;
  }
  all<T>(work: (c: string) => Promise<T>): Promise<T[]> {
    return Promise.all(this.f.names.map(work));
  }
}

/** Ready to be promoted, or promoted by an earlier run of the script. */
const atGate = (s: Status): boolean => s.paused || s.phase === 'Healthy';
const healthy = (s: Status): boolean => s.phase === 'Healthy';
/** Tries, and says whether it went well. */
const tried = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

async function stand(f: Fleet, ns: string, auto: boolean): Promise<void> {
  const s = new Script(f, ns);
  await Promise.all(
    f.names.map(async (c) => {
      const api = f.planes.open(c);
      for (const o of [namespace(ns), service(ns, 'active'), service(ns, 'preview'), rollout(ns, auto)])
        await api.apply(o, OWN);
      await until(`the Rollout of ${c} is healthy`, () => s.wait(c, healthy, 1000), STAND_MS);
      await api.close();
    }),
  );
}

/** Back to the old template everywhere, and promoted there: what `undo` and `promote` do. */
async function undo(f: Fleet, ns: string, how: 'loop' | 'parallel'): Promise<Said> {
  const s = new Script(f, ns);
  const one = async (c: string): Promise<boolean> => {
    if (!(await tried(s.image(c, 'v1')))) return false;
    if (!(await s.wait(c, (x) => x.paused || healthy(x)))) return false;
    await tried(s.promote(c));
    return s.wait(c, healthy);
  };
  const all: boolean[] = [];
  if (how === 'parallel') all.push(...(await s.all(one)));
  else for (const c of f.names) all.push(await one(c));
  return all.every(Boolean) ? 'done' : 'failed';
}
const abortAll = async (f: Fleet, ns: string): Promise<Said> => {
  const s = new Script(f, ns);
  const all = await s.all((c) => tried(s.abort(c)));
  return all.every(Boolean) ? 'done' : 'failed';
};

const killed = (s: Script, said: Said): Said => (s.stop.aborted ? 'killed' : said);

/** Each Rollout promotes itself; the pipeline changes one cluster after the other and waits for all at the end. */
const auto: Arm = {
  name: 'Rollouts, auto-promote',
  stand: (f, ns) => stand(f, ns, true),
  release: async (f, ns, x) => {
    const s = new Script(f, ns, x.stop);
    x.first();
    const sent: boolean[] = [];
    for (const c of f.names) sent.push(await tried(s.image(c, 'v2')));
    const well = await s.all((c) => s.wait(c, healthy));
    return killed(s, [...sent, ...well].every(Boolean) ? 'done' : 'failed');
  },
  rollback: (f, ns) => undo(f, ns, 'loop'),
  abort: abortAll,
};

/** Green is made everywhere; when every Rollout is paused they are promoted one after the other. */
const loop: Arm = {
  name: 'Rollouts, loop of promote',
  stand: (f, ns) => stand(f, ns, false),
  release: async (f, ns, x) => {
    const s = new Script(f, ns, x.stop);
    await s.all((c) => tried(s.image(c, 'v2')));
    const ready = await s.all((c) => s.wait(c, atGate));
    if (!ready.every(Boolean)) {
      await s.all((c) => tried(s.abort(c)));
      return killed(s, 'failed');
    }
    x.first();
    for (const c of f.names) {
      if (!(await tried(s.promote(c)))) return killed(s, 'failed');
      if (!(await s.wait(c, healthy))) return killed(s, 'failed');
    }
    return killed(s, 'done');
  },
  rollback: (f, ns) => undo(f, ns, 'loop'),
  abort: abortAll,
};

/** Promoted all at once; when one does not get there, all are aborted. */
const parallel: Arm = {
  name: 'Rollouts, parallel + abort-all',
  stand: (f, ns) => stand(f, ns, false),
  release: async (f, ns, x) => {
    const s = new Script(f, ns, x.stop);
    await s.all((c) => tried(s.image(c, 'v2')));
    const ready = await s.all((c) => s.wait(c, atGate));
    if (ready.every(Boolean)) {
      x.first();
      const sent = await s.all((c) => tried(s.promote(c)));
      const well = await s.all((c) => s.wait(c, healthy));
      if ([...sent, ...well].every(Boolean)) return killed(s, 'done');
    }
    await s.all((c) => tried(s.abort(c)));
    return killed(s, 'failed');
  },
  rollback: (f, ns) => undo(f, ns, 'parallel'),
  abort: abortAll,
};

export const ROLLOUT_ARMS: readonly Arm[] = [auto, loop, parallel];
