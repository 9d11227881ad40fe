// `tw plan` of a fleet in which nothing changed, beside terraform's own plan of one of its roots.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { terraformEnv } from '../src/infra/adapters/process.ts';
import { compare, inTurn, run, table } from './lib/measure.ts';
import { CONFIG, rootsOf, withSandbox } from './lib/sandbox.ts';

await withSandbox(async (b) => {
  const place = await b.port.place();
  const env = terraformEnv(process.env, place.env);
  const name = rootsOf(b).find((r) => existsSync(join(place.rootsDir, r, '.terraform')) && r.startsWith('cluster-sao'));
  if (name === undefined) throw new Error(`no root of a cluster in ${place.rootsDir}`);
  const cwd = join(place.rootsDir, name);
  const terraform = (args: readonly string[]) => () =>
    run([...(place.enter ?? []), 'terraform', ...args], { cwd, env });
  const got = await inTurn(
    5,
    {
      tw: () => b.tw('plan', '--config', CONFIG, '--exit-code'),
      plan: terraform(['plan', '-json', '-input=false', '-detailed-exitcode', '-lock=false']),
      noRefresh: terraform(['plan', '-json', '-input=false', '-detailed-exitcode', '-lock=false', '-refresh=false']),
    },
    { warm: true },
  );
  table('tw plan, unchanged: 3 clusters, zone, apps, DNS (simulated WAN; median of 5, in turn)', [
    ...compare('tw plan, all', got.tw, { ...got.plan, name: `terraform plan of ${name}` }, '≤ 1 s'),
    ...compare('same', got.tw, { ...got.noRefresh, name: 'without refresh' }),
  ]);
});
