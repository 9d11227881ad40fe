import { type LocalOptions, localSandbox } from './adapters/local.ts';
import { fakeCredentials } from './clouds/credentials.ts';
import { writeMirror } from './clouds/mirror.ts';
import type { SandboxPort } from './ports.ts';

export { readRecipes } from './adapters/recipes.ts';
export { BINARIES, binsFolder, checkBinaries } from './binaries.ts';
export type {
  Chaos,
  ChaosChange,
  ChaosReceipt,
  Leftovers,
  SandboxEvent,
  SandboxSpec,
  SandboxView,
  Visit,
  VisitRequest,
} from './model.ts';
export { CHAOS_KINDS, durationMs, parseChaos } from './plan/chaos.ts';
export { type SpecOptions, specOf } from './plan/spec.ts';
export type { SandboxPort } from './ports.ts';
export { MemorySandbox } from './twin.ts';

/** The sandbox of one directory on this Linux machine. */
export function createSandbox(o: Omit<LocalOptions, 'kit'>): SandboxPort {
  return localSandbox({ ...o, kit: { writeMirror, fakeCredentials } });
}
