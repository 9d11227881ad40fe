import { fault } from '../kernel/index.ts';
import type { Context, Invocation, Io } from './context.ts';
import { doctor } from './doctor.ts';
import { down, resume } from './down.ts';
import { explain } from './explain.ts';
import { init } from './init.ts';
import { exec, logs } from './logs.ts';
import type { Outcome } from './model.ts';
import { sandboxChaos, sandboxDown, sandboxEnter, sandboxStatus, sandboxUp, sandboxVisit } from './sandbox.ts';
import { kubeconfig, status } from './status.ts';
import { drain, undrain, why } from './traffic.ts';
import { plan, up } from './up.ts';

type Handler = (c: Context, call: Invocation, io: Io) => Promise<Outcome>;

const HANDLERS: Readonly<Record<string, Handler>> = {
  init: (c, { args }, io) => init(c.cwd, args, io),
  doctor: (c, { args }) => doctor(c, args),
  plan: (c, { args }, io) => plan(c, args, io),
  up: (c, { args }, io) => up(c, args, io),
  down: (c, { args }, io) => down(c, args, io),
  resume: (c, _, io) => resume(c, io),
  status: (c, { args }) => status(c, args),
  why: (c, { args }) => why(c, args),
  drain: (c, { args }, io) => drain(c, args, io),
  undrain: (c, { args }, io) => undrain(c, args, io),
  logs: (c, { args }, io) => logs(c, args, io),
  exec: (c, { args }, io) => exec(c, args, io),
  explain: async (_, { args }) => explain(args['topic'] as string),
  kubeconfig: (c, { args }, io) => kubeconfig(c, args, io.out),
  'sandbox up': (c, _, io) => sandboxUp(c, io),
  'sandbox down': (c, { args }) => sandboxDown(c, args),
  'sandbox status': (c) => sandboxStatus(c),
  'sandbox chaos': (c, { args }) => sandboxChaos(c, args),
  'sandbox visit': (c, { args }) => sandboxVisit(c, args),
  'sandbox enter': (c, { args }) => sandboxEnter(c, args),
};

/** Verbs that can be run; a test compares them with the command table. */
export const HANDLED = Object.keys(HANDLERS);

/** The only entry to the engine. Throws faults of the catalogue. */
export async function runCommand(context: Context, call: Invocation, io: Io): Promise<Outcome> {
  const handler = HANDLERS[call.verb];
  if (handler === undefined) throw fault('TW6001', { value: call.verb });
  return await handler(context, call, io);
}
