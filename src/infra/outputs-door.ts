import type { Config } from '../config/index.ts';
import { rootStore } from './adapters/root-store.ts';
import type { Outputs, Place } from './model.ts';
import { outputsOf } from './outputs.ts';

/** Outputs of the clusters that stand, from the state files: no terraform, no cloud, a few milliseconds. */
export async function infraOutputs(
  config: Config,
  place: Place,
  broken?: (cluster: string, error: unknown) => void,
): Promise<Outputs> {
  return await outputsOf(config, rootStore({ place, modulesDir: '', toolchain: async () => null }), broken);
}
