// The real engine of a project that is not built.
import { join } from 'node:path';
import type { Engine } from '../../../src/commands/index.ts';
import { createEngine } from '../../../src/compose/engine.ts';
import { realPlace } from '../../../src/compose/place.ts';
import type { Config } from '../../../src/config/index.ts';
import { openTerraform } from '../../../src/infra/index.ts';
import { fakeModules, labPlace } from '../../../src/infra/testing/lab.ts';
import { type Journal, systemClock } from '../../../src/kernel/index.ts';
import type { Folder } from './folder.ts';

/** Everything but the clouds is looked at and planned by it. */
export async function lookingEngine({ state }: Folder, config: Config, journal: Journal): Promise<Engine> {
  const place = realPlace(state, config.dir);
  return await createEngine({ config, journal, clock: systemClock, stateDir: state, place, known: {} });
}

/** The clouds too: terraform runs, with modules that need none. */
export async function engineOf(folder: Folder, config: Config, journal: Journal): Promise<Engine> {
  const { preflight: _, ...rest } = await lookingEngine(folder, config, journal);
  const common = { config, journal, clock: systemClock };
  const place = labPlace(folder.dir);
  const tf = await openTerraform({ ...common, place, modulesDir: fakeModules(join(folder.dir, 'modules')) });
  return { ...rest, infra: { ...common, place, tf } };
}
