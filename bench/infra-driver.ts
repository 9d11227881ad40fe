// What Tradewind adds to terraform: one root planned and applied by the engine, beside terraform alone on the
// same files. The root is built of terraform's own resources; one of them takes a set time, as a cloud does.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { infraApply, infraPlan } from '../src/infra/index.ts';
import { type Lab, openLab, threeClouds } from '../src/infra/testing/lab.ts';
import { compare, inProcess, inTurn, type Row, run, type Sample, table, terraformBinary } from './lib/measure.ts';

const config = threeClouds({ clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } }, dns: undefined, apps: {} });

/** Plan and apply through the engine. */
async function ours(lab: Lab): Promise<void> {
  const plan = await infraPlan(lab.ctx);
  for await (const event of infraApply(plan, lab.ctx)) {
    if (event.type !== 'end') continue;
    const [first] = event.failures;
    if (first !== undefined) throw new Error(`${first.code} ${first.title}: ${first.why.join('; ')}`);
    if (event.outputs['sao'] === undefined) throw new Error('the cluster does not stand');
  }
}

async function measured(seconds: number, rounds: number): Promise<Row[]> {
  const lab = await openLab(config, { seconds: { sao: seconds } });
  try {
    const root = join(lab.place.rootsDir, 'cluster-sao');
    const bare = join(lab.dir, 'bare');
    await infraPlan(lab.ctx); // writes the files and initialises: neither side pays for that
    cpSync(root, bare, { recursive: true });
    const env = { ...process.env, ...lab.place.env, TF_IN_AUTOMATION: '1', CHECKPOINT_DISABLE: '1' };
    const terraform = (...args: string[]): Sample => run([terraformBinary(), ...args], { cwd: bare, env });
    const clean = (dir: string): void => {
      for (const f of ['terraform.tfstate', 'terraform.tfstate.backup', 'plan.tfplan', 'tradewind.plan.json'])
        rmSync(join(dir, f), { force: true });
    };
    const both = (a: Sample, b: Sample): Sample => ({ ms: a.ms + b.ms, cpuMs: a.cpuMs + b.cpuMs });
    const got = await inTurn(rounds, {
      ours: async () => {
        clean(root);
        return await inProcess(() => ours(lab));
      },
      twoSteps: () => {
        clean(bare);
        const planned = terraform('plan', '-json', '-input=false', '-out=plan.tfplan');
        return both(planned, terraform('apply', '-json', '-input=false', 'plan.tfplan'));
      },
      oneStep: () => {
        clean(bare);
        return terraform('apply', '-json', '-input=false', '-auto-approve');
      },
    });
    const name = `create takes ${seconds} s`;
    const wall = (peer: Sample & { name: string }, goal?: string): Row[] =>
      compare(name, got.ours, peer, goal).slice(0, 1);
    return [
      ...wall({ ...got.twoSteps, name: 'terraform plan, apply' }, '≤ 1.05'),
      ...wall({ ...got.oneStep, name: 'terraform apply -auto-approve' }),
      { name: '  CPU of the driver itself', ours: `${got.ours.cpuMs.toFixed(0)} ms`, peer: '-' },
    ];
  } finally {
    rmSync(lab.dir, { recursive: true, force: true });
  }
}

const rows = [...(await measured(0, 5)), ...(await measured(6, 3))];
table('driver of one root (median, in turn)', rows);
