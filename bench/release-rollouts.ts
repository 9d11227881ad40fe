// Tier B: the real Argo Rollouts controller on real control planes, in each cluster one, with a script over them in
// three manners, beside Tradewind with both switch drivers. Three clusters over 15, 125 and 200 ms of round trip; their
// machines are played (planes/). Every arm has a namespace of its own for each scene.
import { setTimeout as delay } from 'node:timers/promises';
import { until, withScratch } from './lib/child.ts';
import { grid, median, ms } from './lib/measure.ts';
import { type Arm, type Fleet, ROLLOUT_ARMS, type Said } from './planes/arms.ts';
import { installGateway } from './planes/gateway.ts';
import { kubectlBinary, kubectlRun } from './planes/kubectl.ts';
import { noPlanes, openPlanes, type Plane } from './planes/plane.ts';
import { type Controller, ROLLOUTS, rolloutsController } from './planes/rollouts.ts';
import { spent, TRADEWIND_ARMS } from './planes/tradewind.ts';
import { live, mixed, PATHS, serves, skew } from './planes/watching.ts';

const RTT_MS: Readonly<Record<string, number>> = { mtl: 15, sao: 125, syd: 200 };
const NAMES = Object.keys(RTT_MS);
const ARMS: readonly Arm[] = [...TRADEWIND_ARMS, ...ROLLOUT_ARMS];
const ROUNDS = 2;
/** The controller takes old pods away 30 s after the promotion by default. */
const LATER_MS = 35_000;
const CUT_MS = 15_000;
const RESUME_MS = 15_000;
const SETTLE_MS = 5000;

const nameOf = (scene: string, arm: Arm): string => `${scene}-${ARMS.indexOf(arm)}`;
const far = (f: Fleet, yes: boolean): void => {
  for (const p of f.planes.all) p.order({ do: 'line', oneWayMs: yes ? (RTT_MS[p.name] ?? 0) / 2 : 0 });
};
const planeOf = (f: Fleet, name: string): Plane => {
  const found = f.planes.all.find((p) => p.name === name);
  if (found === undefined) throw new Error(`no cluster ${name}`);
  return found;
};

async function furnish(f: Fleet, c: Controller): Promise<void> {
  for (const p of f.planes.all) {
    const api = f.planes.open(p.name);
    await installGateway(api);
    await api.close();
    const at = ['--kubeconfig', f.planes.kubeconfig, '--context', p.name];
    for (const file of c.crds) await kubectlRun(f.kubectl, [...at, 'apply', '--server-side', '-f', file]);
    await kubectlRun(f.kubectl, [...at, 'create', 'namespace', 'argo-rollouts']);
    p.order({ do: 'run', what: 'rollouts', argv: [c.program, '--kubeconfig', p.inside, '--loglevel', 'warn'] });
    for (const path of PATHS) p.order({ do: 'watch', path });
  }
}

/** All arms at blue, over short lines: standing is not what is measured. */
async function stand(f: Fleet, scene: string): Promise<void> {
  far(f, false);
  for (const arm of ARMS) await arm.stand(f, nameOf(scene, arm));
  far(f, true);
  await delay(1000);
}

interface Seen {
  said: Said;
  from: number;
  took: number;
}
interface Hooks {
  stop?: AbortController;
  first?: () => void;
}
async function released(f: Fleet, arm: Arm, ns: string, h: Hooks = {}): Promise<Seen> {
  const from = Date.now();
  const stop = (h.stop ?? new AbortController()).signal;
  const said = await arm.release(f, ns, { stop, first: h.first ?? (() => undefined) });
  return { said, from, took: Date.now() - from };
}

const HEAD = ['', 'says', `live at the end (${NAMES.join(' ')})`, 'wrong', 'mixed for', 'took'];
/** Clusters that do not serve what the tool says; where it says nothing, those beside the majority. */
function wrong(f: Fleet, ns: string, said: Said): number {
  const now = f.planes.all.map((p) => live(p, ns));
  const first = now.filter((v) => v === 'v2').length * 2 > now.length ? 'v2' : 'v1';
  const want = said === 'done' ? 'v2' : said === 'failed' ? 'v1' : first;
  return f.planes.all.filter((p) => live(p, ns) !== want || !serves(p, ns, want)).length;
}
function line(f: Fleet, arm: Arm, ns: string, x: Seen & { says?: string; told?: Said }): string[] {
  const now = f.planes.all.map((p) => `${live(p, ns)}${serves(p, ns, live(p, ns)) ? '' : ' (no pod ready)'}`);
  const apart = mixed(f.planes.all, ns, { from: x.from, to: Date.now() });
  const said = x.told ?? x.said;
  return [arm.name, x.says ?? said, now.join(' '), String(wrong(f, ns, said)), ms(apart), ms(x.took)];
}

type Scene = (f: Fleet) => Promise<string[][]>;
const together = (work: (arm: Arm) => Promise<string[]>): Promise<string[][]> => Promise.all(ARMS.map(work));
async function inTurn(work: (arm: Arm) => Promise<string[]>): Promise<string[][]> {
  const all: string[][] = [];
  for (const arm of ARMS) all.push(await work(arm));
  return all;
}

const s2: Scene = (f) => {
  planeOf(f, 'mtl').order({ do: 'pods', sick: ARMS.map((a) => `${nameOf('s2', a)}/v2`) });
  return together(async (arm) => {
    const ns = nameOf('s2', arm);
    const seen = await released(f, arm, ns);
    await delay(SETTLE_MS);
    return line(f, arm, ns, seen);
  });
};

const s4: Scene = (f) =>
  inTurn(async (arm) => {
    const ns = nameOf('s4', arm);
    const syd = planeOf(f, 'syd');
    let healed: Promise<unknown> = Promise.resolve();
    const first = (): void => {
      syd.order({ do: 'line', cut: true });
      healed = delay(CUT_MS).then(() => syd.order({ do: 'line', cut: false }));
    };
    const seen = await released(f, arm, ns, { first });
    await healed;
    await delay(SETTLE_MS);
    return line(f, arm, ns, seen);
  });

const s5: Scene = (f) =>
  together(async (arm) => {
    const ns = nameOf('s5', arm);
    const stop = new AbortController();
    const going = released(f, arm, ns, { stop });
    await until('a first cluster has switched', () => f.planes.all.some((p) => live(p, ns) === 'v2'), 60_000);
    stop.abort();
    const seen = await going;
    await delay(RESUME_MS);
    const again = arm.resume ?? (async () => (await released(f, arm, ns)).said);
    const told = await again(f, ns);
    await delay(SETTLE_MS);
    const took = Date.now() - seen.from;
    return line(f, arm, ns, { ...seen, took, told, says: `${seen.said}, run again: ${told}` });
  });

const s7: Scene = (f) =>
  together(async (arm) => {
    const ns = nameOf('s7', arm);
    const seen = await released(f, arm, ns);
    return [arm.name, ns, seen.said, String(seen.from)];
  }).then(async (all) => {
    for (const p of f.planes.all) p.order({ do: 'pods', sick: ARMS.map((a) => `${nameOf('s7', a)}/v2`) });
    await delay(3000);
    return together(async (arm) => {
      const ns = nameOf('s7', arm);
      const from = Date.now();
      const told = await arm.abort(f, ns);
      const took = Date.now() - from;
      await delay(2 * SETTLE_MS);
      const [, , said = ''] = all[ARMS.indexOf(arm)] ?? [];
      const aborted = told === 'done' ? 'failed' : 'killed';
      return line(f, arm, ns, { said: aborted, from, took, says: `${said}, abort: ${told}` });
    });
  });

interface Times {
  took: number[];
  skew: number[];
  back: number[];
  apart: number[];
}
const spread = (all: readonly number[]): string =>
  all.length === 0 || all.some(Number.isNaN) ? 'not all' : `${ms(median(all))} (max ${ms(Math.max(...all))})`;

/** S1 and S8 in turn, arm after arm: times of one arm are not those of five at once. */
async function times(f: Fleet): Promise<void> {
  const of = new Map<Arm, Times>(ARMS.map((a) => [a, { took: [], skew: [], back: [], apart: [] }]));
  for (let i = 0; i < ROUNDS; i++) await stand(f, `s1-${i}`);
  const each = async (work: (arm: Arm, ns: string, t: Times) => Promise<void>): Promise<void> => {
    for (let i = 0; i < ROUNDS; i++)
      for (const arm of ARMS) await work(arm, nameOf(`s1-${i}`, arm), of.get(arm) as Times);
  };
  await each(async (arm, ns, t) => {
    const seen = await released(f, arm, ns);
    if (seen.said !== 'done') throw new Error(`${arm.name}: ${seen.said} without a fault`);
    t.took.push(seen.took);
    t.skew.push(skew(f.planes.all, ns, { from: seen.from, version: 'v2' }));
  });
  await delay(LATER_MS);
  await each(async (arm, ns, t) => {
    const from = Date.now();
    const going = arm.rollback(f, ns);
    const back = (): boolean => f.planes.all.every((p) => live(p, ns) === 'v1' && serves(p, ns, 'v1'));
    await until(`${arm.name}: all are back`, back, 90_000);
    t.back.push(Date.now() - from);
    t.apart.push(mixed(f.planes.all, ns, { from, to: Date.now() }));
    await going;
  });
  const [ours] = ARMS;
  const base = median((of.get(ours as Arm) as Times).back);
  const rows = ARMS.map((arm) => {
    const t = of.get(arm) as Times;
    const requests = arm.name.includes('httproute') ? 'httproute' : 'service';
    const calls = TRADEWIND_ARMS.includes(arm)
      ? median(
          Object.entries(spent)
            .filter(([k]) => k.startsWith(`${requests} s1-`))
            .map(([, n]) => n),
        )
      : undefined;
    return [
      arm.name,
      spread(t.took),
      spread(t.skew),
      spread(t.back),
      (base / median(t.back)).toFixed(2),
      spread(t.apart),
      calls === undefined ? '-' : (calls / NAMES.length).toFixed(0),
    ];
  });
  const head = [
    '',
    'S1: whole release',
    'S1: flip skew',
    'S8: all serve v1 again',
    'ratio',
    'S8: mixed for',
    'requests/cluster',
  ];
  grid(
    `S1 happy, S8 taken back ${LATER_MS / 1000} s after the promotion (${ROUNDS} rounds, in turn; median and worst)`,
    head,
    rows,
  );
}

const SCENES: readonly { name: string; title: string; play: Scene }[] = [
  { name: 's2', title: 'S2: green never gets ready in mtl', play: s2 },
  { name: 's4', title: `S4: syd is cut off for ${CUT_MS / 1000} s at the commit`, play: s4 },
  {
    name: 's5',
    title: `S5: whoever releases is killed when the first cluster has switched; run again ${RESUME_MS / 1000} s later`,
    play: s5,
  },
  {
    name: 's7',
    title: 'S7: green crashes everywhere when the release has ended; a person aborts 3 s later',
    play: s7,
  },
];

async function played(f: Fleet, scene: (typeof SCENES)[number]): Promise<void> {
  await stand(f, scene.name);
  grid(scene.title, HEAD, await scene.play(f));
}

async function main(c: Controller): Promise<void> {
  await withScratch(async (s) => {
    const planes = await openPlanes(s, NAMES);
    const f: Fleet = { planes, kubectl: kubectlBinary(), names: NAMES };
    await furnish(f, c);
    await times(f);
    for (const scene of SCENES) {
      // one that this machine had no time for says so; the others go on
      await played(f, scene).catch((e: unknown) =>
        process.stdout.write(`${scene.title}: not measured: ${String(e)}\n`),
      );
      for (const p of planes.all) p.order({ do: 'pods', sick: [] });
    }
  });
  process.stdout.write(
    `  Argo Rollouts ${ROLLOUTS} built from its Go module with its go line lowered; control planes real, machines played (a pod is ready 0.5 s after it got its node); brakes of Tradewind in memory, no metrics, soak 2 s\n`,
  );
}

const why = noPlanes();
let controller: Controller | undefined;
try {
  controller = why === undefined ? rolloutsController() : undefined;
} catch (e) {
  process.stdout.write(`release-rollouts: tier B not run: ${e instanceof Error ? e.message : String(e)}\n`);
}
if (why !== undefined) process.stdout.write(`release-rollouts: tier B not run: ${why}\n`);
else if (controller !== undefined) await main(controller);
