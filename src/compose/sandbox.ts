import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ChaosWish, SandboxDoor, SandboxFacts, VisitWish } from '../commands/index.ts';
import type { Config } from '../config/index.ts';
import { toJson } from '../kernel/index.ts';
import {
  binsFolder,
  createSandbox,
  readRecipes,
  type SandboxPort,
  type SandboxView,
  specOf,
} from '../sandbox/index.ts';
import type { Known } from '../traffic/index.ts';
import { ROOT } from './place.ts';

function factsOf(v: SandboxView): SandboxFacts {
  return {
    state: v.state,
    why: v.why,
    processes: v.processes.map((p) => ({
      name: p.name,
      state: p.state,
      ...(p.why === undefined ? {} : { why: p.why }),
    })),
    clusters: v.clusters.map((c) => ({
      cluster: c.cluster,
      state: c.state,
      ready: c.ready,
      nodes: c.nodes.map((n) => ({ name: n.name, state: n.state })),
    })),
    chaos: v.chaos.map((x) => ({ id: x.id, kind: x.kind, where: x.where })),
    pages: v.doors.pages,
    differs: v.differs,
  };
}

/** `heal [what]` undoes; every other word begins a fault. */
function changeOf(wish: ChaosWish): Parameters<SandboxPort['chaos']>[0] {
  if (wish.what === 'heal') return { do: 'heal', ...(wish.where === undefined ? {} : { what: wish.where }) };
  return {
    do: 'begin',
    kind: wish.what,
    where: wish.where ?? '',
    args: wish.args,
    ...(wish.forMs === undefined ? {} : { forMs: wish.forMs }),
  };
}

function requestOf(wish: VisitWish): Parameters<SandboxPort['visit']>[0] {
  return {
    ...(wish.from === undefined ? {} : { from: [wish.from] }),
    times: wish.times,
    host: wish.host,
    path: wish.path,
  };
}

function enter(dir: string, place: string, argv: readonly string[]): Promise<number> {
  const net = join(binsFolder({ env: process.env, root: ROOT }), 'tw-net');
  const child = spawn(net, ['enter', '--dir', dir, place, '--', ...argv], { stdio: 'inherit' });
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done(code ?? 1));
  });
}

/** The room behind the port of commands/. */
export function sandboxDoor(dir: string): { door: SandboxDoor; port: SandboxPort } {
  const port = createSandbox({ dir, cache: join(dir, '..', 'cache') });
  const bins = binsFolder({ env: process.env, root: ROOT });
  const door: SandboxDoor = {
    up: async function* (config: Config) {
      const file = config.sandbox?.recipes;
      const own = file === undefined ? {} : readRecipes(join(config.dir, file));
      yield* port.up(
        specOf(config, { dir, bins, root: ROOT, node: join(process.execPath, '..', '..'), env: process.env, ...own }),
      );
    },
    down: async (o) => await port.down(o),
    status: async () => {
      const view = await port.status();
      return { facts: factsOf(view), raw: toJson(view) };
    },
    chaos: async (wish) => {
      const receipt = await port.chaos(changeOf(wish));
      return { did: receipt.did, raw: toJson(receipt) };
    },
    visit: async (wish) =>
      (await port.visit(requestOf(wish))).map(({ body, ...v }) => ({
        ...v,
        ...(wish.body && body !== undefined ? { body } : {}),
      })),
    enter: (place, argv) => enter(dir, place, argv),
  };
  return { door, port };
}

const USERS = (index: number): string => `198.19.${100 + index}.0/24`;

/** Where the simulated users are, and their round trips to each cluster: what probes would measure. */
export function knownOf(view: SandboxView, config: Config): Known {
  const oneWay = (from: string, to: string): number =>
    from === to ? 0.3 : (view.links.find((l) => l.from === from && l.to === to)?.oneWayMs ?? Number.NaN);
  const rtt = Object.fromEntries(
    view.users.map((name, i) => {
      const region = config.clusters.find((c) => c.name === name)?.region ?? '';
      return [
        USERS(i + 1),
        Object.fromEntries(
          config.clusters.map((c) => [c.name, 10 + oneWay(region, c.region) + oneWay(c.region, region)]),
        ),
      ];
    }),
  );
  const places = Object.fromEntries(
    view.users.flatMap((name, i) => {
      const place = config.clusters.find((c) => c.name === name)?.location;
      return place === undefined ? [] : [[USERS(i + 1), { place: { ...place } }]];
    }),
  );
  return { rtt, places };
}
