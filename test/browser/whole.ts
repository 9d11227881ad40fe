import { userInfo } from 'node:os';
import type { Browser, Page } from 'playwright-core';
import { Lab } from '../../src/chat/adapters/lab.ts';
import { type Context, type Invocation, runCommand, type StateFacts } from '../../src/commands/index.ts';
import { loginUrl } from '../../src/commands/serving.ts';
import { tokenCreate } from '../../src/commands/tokens.ts';
import { LabDoor } from '../../src/compose/lab.ts';
import { webFiles } from '../../src/compose/web.ts';
import { type KubeApi, KubeError } from '../../src/fleet/ports.ts';
import { appConfig, releasedWorld } from '../../src/fleet/released.fixtures.ts';
import { systemClock } from '../../src/kernel/index.ts';
import { APP, World } from '../transcripts/chat-doors/world.ts';
import { served } from './rig.ts';

const CLUSTERS = ['mtl', 'sao', 'syd'] as const;
const PLACES = {
  mtl: { cloud: 'azure', region: 'canadacentral', location: { lat: 45.5, lon: -73.57 } },
  sao: { cloud: 'aws', region: 'sa-east-1', location: { lat: -23.55, lon: -46.63 } },
  syd: { cloud: 'gcp', region: 'australia-southeast1', location: { lat: -33.87, lon: 151.21 } },
} as const;

/** Round trip of users near one cluster to another; syd was never measured. */
const trip = (near: string, to: string): { ms: number; samples: number } =>
  near === to ? { ms: 9, samples: 40 } : to === 'syd' ? { ms: 260, samples: 0 } : { ms: 130, samples: 12 };

/** Users of each place go to the nearest cluster that is not `without`; those of syd go to sao, which is well. */
function cells(without?: string) {
  return CLUSTERS.map((near, i) => {
    const left = CLUSTERS.filter((c) => c !== without);
    const wanted = near === 'syd' ? 'sao' : near;
    const cluster = wanted === without ? (left[0] ?? 'sao') : wanted;
    return {
      prefix: `198.19.10${i}.0/24`,
      place: PLACES[near].location,
      to: [{ cluster, share: 1, rttMs: trip(near, cluster).ms }],
      rtt: Object.fromEntries(CLUSTERS.map((c) => [c, trip(near, c)])),
    };
  });
}

export const FACTS: StateFacts = {
  app: APP,
  mode: 'single-writer',
  home: 'sao',
  copies: 2,
  epoch: 7,
  clusters: [
    { name: 'sao', role: 'home', epoch: 7, via: 'direct' },
    { name: 'mtl', role: 'copy', lagMs: 12.4, epoch: 7, via: 'direct' },
    { name: 'syd', role: 'catching up', lagMs: 900, epoch: 6, via: 'mtl', why: 'a full copy is under way' },
  ],
  story: ['mtl was silent for 3 s', 'ballot 7: sao has everything', 'sao is home'],
};

const intent = {
  app: APP,
  host: `${APP}.demo.example`,
  serve: { by: 'fastest' },
  ttl: 30,
  residency: [{ from: ['EU'], to: ['mtl'], strict: false }],
  capacity: {},
  keepBelow: 0.7,
  health: { scheme: 'http', port: 80, path: '/healthz' },
};

/** Clusters in memory with the app in them; one that is silent answers nothing. */
async function fleetOf(silent: ReadonlySet<string>): Promise<Readonly<Record<string, KubeApi>>> {
  const w = releasedWorld();
  await w.up([appConfig()]);
  const mute = (name: string, api: KubeApi): KubeApi =>
    new Proxy(api, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (silent.has(name)) throw new KubeError(0, 'Unreachable', 'connect ETIMEDOUT 198.18.3.10:6443');
          return Reflect.apply(value, target, args) as unknown;
        };
      },
    });
  return Object.fromEntries(Object.entries(w.twins).map(([name, api]) => [name, mute(name, api)]));
}

/** What the browser asked to be done to the state, in order. */
export type Done = string[];

function stateDoor(done: Done) {
  const snapshot = {
    id: `${APP}-20261128T231500Z-1f2e`,
    at: Date.now() - 3_600_000,
    from: 'mtl',
    kind: 'backup',
    is: 'verified',
    keys: 412,
    size: 90_000,
    engine: 'redis 7.4',
    step: 'loaded',
  };
  return {
    shared: true,
    look: async () => [FACTS],
    backups: async () => ({ all: [snapshot], where: '/backups' }),
    move: async (x: { to: string }) => {
      done.push(`move ${x.to}`);
      return { from: 'sao', ms: 900 };
    },
    restore: async (x: { snapshot: string; sure(known: readonly string[]): Promise<void> }) => {
      await x.sure([]);
      done.push(`restore ${x.snapshot}`);
      return { home: 'sao', epoch: 8, salvage: `${APP}-salvage`, known: [] };
    },
  };
}

export interface Whole {
  world: World;
  /** What the server works with. */
  config: World['shop']['config'];
  url: string;
  /** By person: `eve` may only look. */
  tokens: Readonly<Record<string, string>>;
  /** Clusters that do not answer. */
  silent: Set<string>;
  done: Done;
  say(verb: string, args: object): Promise<unknown>;
  end(): Promise<void>;
}

const FREEZES = [{ name: 'nights', from: '00:00', to: '00:01', zone: 'America/Sao_Paulo', because: 'nobody is awake' }];

/** A server with something to show on every page: what clusters, nameservers and agents say is written here. */
export async function whole(): Promise<Whole> {
  const tokens: Record<string, string> = {};
  const account = (p: string, stateDir: string): string => {
    if (p === 'ana') return `os:${userInfo().username}`;
    const c = { stateDir, clock: systemClock, journal: () => ({ append: () => undefined }) } as unknown as Context;
    const role = p === 'eve' ? 'look' : 'admin';
    const made = tokenCreate(c, { name: p, role, days: 1 }).data as { id: string; token: string };
    tokens[p] = made.token;
    return `http:${made.id}`;
  };
  const world = new World(account, { approvals: [{ quorum: 0 }], freezes: FREEZES });
  await world.shop.stand();
  const silent = new Set<string>();
  const done: Done = [];
  const twins = await fleetOf(silent);
  const health = Object.fromEntries(CLUSTERS.map((c) => [`${c}/${APP}`, { state: 'up', cause: '' }]));
  const answers = { sao: { NOERROR: 412, NXDOMAIN: 3 }, mtl: { NOERROR: 90 } };
  const host = { host: intent.host, app: APP, intent, answers, holds: [], health, silent: { syd: 'i/o timeout' } };
  const traffic = {
    map: async (without?: string) => [{ ...host, cells: cells(without) }],
    hold: async (cluster: string) => {
      done.push(`drain ${cluster}`);
      return { done: true, notes: [], raw: { cluster } };
    },
  };
  const clusters = world.shop.config.clusters.map((k) => ({ ...k, ...PLACES[k.name as keyof typeof PLACES] }));
  const config = { ...world.shop.config, clusters };
  const plain = await world.shop.context.engine();
  const engine = {
    ...plain,
    config,
    traffic,
    state: stateDoor(done),
    kube: (c: string) => twins[c],
    infra: { journal: world.shop.journal },
  };
  const more = { clock: systemClock, engine: async () => engine, config: async () => config };
  const contextOf = (call: Invocation): Context => ({ ...world.context(call), ...more }) as unknown as Context;
  const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
  const door = new LabDoor({ lab, place: () => 'sandbox', config: async () => world.shop.config });
  const stop = new AbortController();
  const deps = world.server({ lab: door, web: webFiles, engine: async (call) => contextOf(call) });
  const { url, ended } = await served(deps, { signal: stop.signal });
  return {
    world,
    config,
    url,
    tokens,
    silent,
    done,
    say: async (verb, args) =>
      await runCommand(contextOf({ verb, args: {} }), { verb, args: { ...args } }, world.shop.io('yes')),
    end: async () => {
      stop.abort();
      await ended;
      await world.close();
    },
  };
}

export interface Look {
  width: number;
  theme: 'light' | 'dark';
}
/** Each width in each theme. */
export const LOOKS: readonly Look[] = ([390, 768, 1440] as const).flatMap((width) =>
  (['light', 'dark'] as const).map((theme) => ({ width, theme })),
);

/** A page of the dashboard, signed in from this machine or with a token. */
export async function opened(browser: Browser, w: Whole, o: Look & { path: string; token?: string }): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: o.width, height: 900 }, colorScheme: o.theme });
  const page = await context.newPage();
  if (o.token === undefined) await page.goto(loginUrl({ stateDir: w.world.dir, clock: systemClock }, w.url));
  else {
    await page.goto(w.url);
    await page.fill('form input', o.token);
    await page.press('form input', 'Enter');
  }
  await page.waitForSelector('main h1');
  await page.goto(`${w.url}${o.path}`);
  await page.waitForSelector('main h1');
  await page.waitForSelector('.connection.live');
  return page;
}
