import type { StateDoor } from '../commands/index.ts';
import { stateOf } from '../config/index.ts';
import { fault } from '../kernel/index.ts';
import { appOf, isShared, planOf, type StateWiring } from './state-deploy.ts';
import { factsFor, introduce, priceFor } from './state-look.ts';
import { moveHome } from './state-move.ts';

/** The state of the apps of one fleet. */
export function stateDoor(w: StateWiring): StateDoor {
  const apps = w.config.apps.filter(isShared);
  return {
    plans: () => apps.map((a) => planOf(w.config, a)),
    prices: async (outputs) => await Promise.all(apps.map((a) => priceFor(w, a, outputs))),
    whatIf: (mode) => w.config.apps.map((a) => planOf(w.config, { ...a, state: stateOf(mode) })),
    systemApps: async (outputs) => await Promise.all(apps.map((a) => appOf(w, a, outputs))),
    introduce: (outputs, signal) => introduce(w, apps, outputs, signal),
    look: async (outputs) => await Promise.all(apps.map((a) => factsFor(w, a, outputs))),
    move: async (x, outputs, signal) => {
      const app = apps.find((a) => a.name === x.app);
      if (app === undefined) throw fault('TW5004', { value: x.app });
      return await moveHome(w, { app, to: x.to, signal }, outputs);
    },
  };
}
