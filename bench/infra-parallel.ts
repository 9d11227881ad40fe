// Three roots side by side beside the slowest of them alone, and beside one root that holds all three clusters;
// then with a cloud that refuses: how many clusters stand.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Config } from '../src/config/index.ts';
import { infraApply, infraPlan } from '../src/infra/index.ts';
import { type Behaviour, type Lab, openLab, threeClouds } from '../src/infra/testing/lab.ts';
import { inProcess, ms, type Row, run, type Sample, table, terraformBinary } from './lib/measure.ts';

const SECONDS: Record<string, number> = { sao: 10, mtl: 6, syd: 4 };
const fleet = threeClouds({ dns: undefined, apps: {} });
const onlySlowest = threeClouds({ dns: undefined, apps: {}, clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } } });

/** Plans and applies; the clusters that stand afterwards. */
async function up(lab: Lab): Promise<number> {
  for await (const event of infraApply(await infraPlan(lab.ctx), lab.ctx))
    if (event.type === 'end') return Object.keys(event.outputs).length;
  throw new Error('no end');
}

async function inLab<T>(config: Config, b: Behaviour, work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await openLab(config, b);
  try {
    await infraPlan(lab.ctx); // init is not part of the figure
    return await work(lab);
  } finally {
    rmSync(lab.dir, { recursive: true, force: true });
  }
}

/** The module's folder as a path that terraform takes from the folder of the single root. */
function moduleOf(lab: Lab, source: string, root: string): string {
  return relative(join(lab.dir, 'single'), join(lab.place.rootsDir, root, source));
}

/** All three modules in one root, with the variables their own roots have. */
function singleRoot(lab: Lab): string {
  const dir = join(lab.dir, 'single');
  mkdirSync(dir);
  const roots = readdirSync(lab.place.rootsDir).filter((r) => r.startsWith('cluster-'));
  const modules = roots.map((name): [string, object] => {
    const main = JSON.parse(readFileSync(join(lab.place.rootsDir, name, 'main.tf.json'), 'utf8')) as {
      module: { this: { source: string } };
    };
    return [name.replaceAll('-', '_'), { ...main.module.this, source: moduleOf(lab, main.module.this.source, name) }];
  });
  const outputs = modules.map(([name]) => [name, { value: `\${module.${name}.cluster}` }]);
  const text = { module: Object.fromEntries(modules) as object, output: Object.fromEntries(outputs) as object };
  writeFileSync(join(dir, 'main.tf.json'), JSON.stringify(text));
  return dir;
}

interface Single extends Sample {
  clusters: number;
}
function applySingle(lab: Lab): Single {
  const cwd = singleRoot(lab);
  const env = { ...process.env, ...lab.place.env, CHECKPOINT_DISABLE: '1' };
  run([terraformBinary(), 'init', '-input=false'], { cwd, env });
  const got = run([terraformBinary(), 'apply', '-input=false', '-auto-approve'], { cwd, env, codes: [0, 1] });
  const outputs = JSON.parse(run([terraformBinary(), 'output', '-json'], { cwd, env }).stdout) as object;
  return { ms: got.ms, cpuMs: got.cpuMs, clusters: Object.keys(outputs).length };
}

async function times(): Promise<Row[]> {
  const b = { seconds: SECONDS };
  const slowest = await inLab(onlySlowest, b, (lab) => inProcess(() => up(lab)));
  const { three, single } = await inLab(fleet, b, async (lab) => ({
    three: await inProcess(() => up(lab)),
    single: applySingle(lab),
  }));
  const row = (peer: string, other: Sample, goal?: string): Row => ({
    name: 'three roots, creates of 10, 6 and 4 s',
    ours: ms(three.ms),
    peer: `${peer} ${ms(other.ms)}`,
    ratio: three.ms / other.ms,
    ...(goal === undefined ? {} : { goal }),
  });
  return [row('slowest root alone', slowest, '≤ 1.2'), row('terraform, one root for all', single)];
}

/** A read that fails while planning, as everything does in a cloud whose credentials are missing. */
const REFUSED = `data "terraform_remote_state" "refused" {
  backend = "local"
  config  = { path = "/nonexistent" }
}
`;

/** A cloud that refuses takes nothing else with it when each cluster has a root of its own. */
async function blast(): Promise<Row> {
  const { ours, single } = await inLab(fleet, {}, async (lab) => {
    writeFileSync(join(lab.modulesDir, 'azure-aks', 'refused.tf'), REFUSED);
    return { ours: await up(lab), single: applySingle(lab).clusters };
  });
  return {
    name: 'clusters that stand when one cloud refuses',
    ours: `${ours} of 3`,
    peer: `one root ${single} of 3`,
    goal: '2 : 0',
  };
}

table('roots side by side', [...(await times()), await blast()]);
