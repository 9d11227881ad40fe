import type { AppConfig } from '../../config/index.ts';
import { placedOn } from '../../fleet/index.ts';
import type { Outputs } from '../../infra/index.ts';
import { causes, fault, nearest } from '../../kernel/index.ts';
import {
  type PlanCluster,
  planRelease,
  type Reason,
  type Register,
  type ReleasePlan,
  type ReleasePorts,
  type ReleaseRecord,
  reasonFor,
  registerOf,
} from '../../release/index.ts';
import { byOf } from '../by.ts';
import type { Context } from '../context.ts';
import type { Engine } from '../ports.ts';
import { selectApp } from '../select.ts';
import { ASK_MS, answerOf } from './answer.ts';

/** One app with everything its release verbs work with. */
export interface Released {
  c: Context;
  e: Engine;
  app: AppConfig & { release: NonNullable<AppConfig['release']> };
  outputs: Outputs;
  ports: ReleasePorts;
  register: Register;
  by: string;
}

const isReleased = (app: AppConfig): app is Released['app'] => app.release !== undefined;

/** The app named, or the only released one. Throws TW6004, TW7006. */
export async function releasedApp(c: Context, name: string | undefined): Promise<Released> {
  const config = await c.config();
  const all = config.apps.filter(isReleased);
  const found = name === undefined && all.length === 1 ? all[0] : selectApp(config, name);
  if (found === undefined || !isReleased(found)) {
    const near = nearest(
      name ?? '',
      all.map((a) => a.name),
    );
    throw fault('TW7006', {
      value: found?.name ?? name ?? '',
      why: [near === undefined ? 'it has no `release` block in the config' : `did you mean "${near}"?`],
      fix: [{ say: 'Add one; every field has a default:', command: 'tw explain apps.*.release' }],
    });
  }
  const e = await c.engine();
  const outputs = await e.outputs();
  const ports = e.release.ports(found.name, outputs);
  return {
    c,
    e,
    app: found,
    outputs,
    ports,
    register: registerOf(found.name, ports.store, ports.journal),
    by: byOf(c),
  };
}

/** Clusters the app is placed on, in the order of the config. */
export function placedClusters(x: { e: Engine; app: AppConfig }): string[] {
  return placedOn(x.app, x.e.config.clusters).map((c) => c.name);
}

interface SeenCluster extends PlanCluster {
  epoch: number;
  release: string;
}

/** Two versions must fit beside each other; green that stands already needs no more room. */
async function crowded(x: Released, cluster: string, live: string, green: string): Promise<Reason[]> {
  const { workloads } = x.ports;
  const [{ exists }, missing] = await Promise.all([
    workloads.state(cluster, green),
    workloads.missingRoom(cluster, live),
  ]);
  if (exists || missing === 0) return [];
  return [{ code: 'TW7005', say: `${cluster}: ${missing} more pods of ${green} would find no node`, cluster }];
}

async function lookAt(x: Released, name: string, green: string): Promise<SeenCluster> {
  const { switches, workloads, metrics } = x.ports;
  const work = async (): Promise<SeenCluster> => {
    const sw = await switches.read(name);
    if (sw === undefined) {
      const why = { code: 'TW7003', say: `${x.app.name} has no switch on ${name}: run "tw up" first`, cluster: name };
      return { name, live: '', epoch: 0, release: '', refused: [why] };
    }
    const [refused, mixed, warnings, room, counters] = await Promise.all([
      switches.refuse(name),
      workloads.refuse(name),
      workloads.ungraceful(name, green).catch((e: unknown) => [`${green} cannot be rendered: ${causes(e)[0] ?? ''}`]),
      crowded(x, name, sw.live, green),
      metrics.read(name, sw.live).catch(() => undefined),
    ]);
    return {
      name,
      live: sw.live,
      epoch: sw.epoch,
      release: sw.release,
      warnings,
      refused: [...refused, ...mixed.map((say) => ({ code: 'TW7003', say, cluster: name })), ...room],
      ...(counters === undefined ? {} : { requests: counters.requests }),
    };
  };
  return await answerOf(x.c.clock, ASK_MS, name, work()).catch((error: unknown) => ({
    name,
    epoch: 0,
    release: '',
    silent: reasonFor(name, error),
    refused: [],
  }));
}

export interface Gathered {
  plan: ReleasePlan;
  held: ReleaseRecord | undefined;
  seenEpoch: number;
  seenRelease: string;
}
export interface Wish {
  green: string;
  strategy?: 'atomic' | 'waves';
  hold?: 'commit';
}

/** Looks at register, switches and clusters, and makes the plan. */
export async function gather(x: Released, wish: Wish): Promise<Gathered> {
  const [clusters, { record }] = await Promise.all([
    Promise.all(placedClusters(x).map((name) => lookAt(x, name, wish.green))),
    x.register.read(),
  ]);
  const { green, ...words } = wish;
  const plan = planRelease({
    app: x.app.name,
    green,
    config: x.app.release,
    clusters,
    wish: words,
  });
  const newest = clusters.reduce((a, c) => (c.epoch > a.epoch ? c : a), { epoch: 0, release: '' });
  return { plan, held: record, seenEpoch: newest.epoch, seenRelease: newest.release };
}
