import { existsSync, readFileSync } from 'node:fs';
import { localSandbox } from '../adapters/local.ts';
import { killAll } from '../adapters/marks.ts';
import { httpMachines } from '../clouds/adapters/machines-http.ts';
import { machinesContract } from '../machines.contract.ts';
import { layout } from '../plan/layout.ts';
import { fakes } from '../testing/fakes.ts';

// From the clouds' client over the socket to real processes; only the Go programs are stand-ins.
machinesContract('supervisor', async () => {
  const f = fakes();
  const sandbox = localSandbox({ dir: f.spec.dir, kit: f.kit });
  for await (const _ of sandbox.up(f.spec));
  const l = layout(f.spec.dir);
  return {
    machines: httpMachines(l.supervisorSocket),
    close: async () => {
      if (existsSync(l.id)) await killAll(readFileSync(l.id, 'utf8').trim(), () => 0);
      f.remove();
    },
  };
});
