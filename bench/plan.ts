// `tw plan` of a fleet in which nothing changed, beside terraform's own plans of its roots: one, and all at once.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { terraformEnv } from '../src/infra/adapters/process.ts';
import { compare, inTurn, ms, run, table, terraformBinary } from './lib/measure.ts';
import { CONFIG, rootsOf, withSandbox } from './lib/sandbox.ts';

await withSandbox(async (b) => {
  const place = await b.port.place();
  const env = terraformEnv(process.env, place.env);
  const roots = rootsOf(b).filter((r) => existsSync(join(place.rootsDir, r, '.terraform')));
  const name = roots.find((r) => r.startsWith('cluster-'));
  if (name === undefined) throw new Error(`no root of a cluster in ${place.rootsDir}`);
  const plan = [...(place.enter ?? []), terraformBinary(), 'plan', '-json', '-input=false', '-lock=false'];
  const all = roots.map((r) => `(cd '${join(place.rootsDir, r)}' && exec "$@") &`).join(' ');
  const got = await inTurn(
    5,
    {
      tw: () => b.tw('plan', '--config', CONFIG, '--exit-code'),
      one: () => run(plan, { cwd: join(place.rootsDir, name), env }),
      all: () => run(['sh', '-c', `${all} wait`, 'sh', ...plan], { env }),
    },
    { warm: true },
  );
  table('tw plan, unchanged: 3 clusters, zone, apps, DNS (simulated WAN; median of 5, in turn)', [
    ...compare('tw plan', got.tw, { ...got.one, name: 'terraform plan of one root' }),
    ...compare('tw plan', got.tw, { ...got.all, name: `terraform plan of all ${roots.length} at once` }),
    { name: 'tw plan beyond those, wall', ours: ms(got.tw.ms - got.all.ms), goal: '≤ 1 s' },
    { name: 'tw plan beyond those, CPU', ours: ms(got.tw.cpuMs - got.all.cpuMs) },
  ]);
});
