import { userInfo } from 'node:os';
import {
  type CommandSpec,
  type Context,
  handedTo,
  type Invocation,
  type Io,
  type Outcome,
} from '../../commands/index.ts';
import { fault, problemOf } from '../../kernel/index.ts';

export interface Choice {
  call: Invocation;
  /** Runs it at the server; absent: it runs here. */
  remote?: (io: Io) => Promise<Outcome>;
  /** Said before it begins. */
  note?: string;
}

export interface Wish {
  spec: CommandSpec;
  /** `--in-process`. */
  inProcess: boolean;
  env: NodeJS.ProcessEnv;
  version: string;
}

/** Only this machine can do it, or it needs no engine: no server is asked. */
const isLocal = (spec: CommandSpec): boolean => spec.only !== undefined || spec.free === true;

/** Who breaks the glass is told from who asks the server, in the audit of this machine. */
const brokenGlass = (call: Invocation): Invocation => ({
  ...call,
  from: { door: 'in-process', identity: { platform: 'os', tenant: '', actor: userInfo().username } },
});

/**
 * The server of this project: TW_SERVER, else to whom this folder was handed, else the config; a config that is not there
 * names none. Throws TW1002, TW1003.
 */
export async function serverOf(c: Context, env: NodeJS.ProcessEnv): Promise<{ url?: string; fleet?: string }> {
  const given = env['TW_SERVER'];
  const named = given === '' || given === undefined ? handedTo(c.stateDir) : given;
  const config = await c.config().catch((error: unknown) => {
    // Without its text nobody knows who decides for the fleet.
    if (named === undefined && problemOf(error).code !== 'TW1001') throw error;
    return undefined;
  });
  const url = named ?? config?.server?.url;
  return { ...(url === undefined ? {} : { url }), ...(config === undefined ? {} : { fleet: config.fleet }) };
}

/** Where a verb runs: one authority per fleet. Throws TW1002, TW1003, TW8034. */
export async function choose(c: Context, call: Invocation, w: Wish): Promise<Choice> {
  if (isLocal(w.spec)) return { call };
  const { url, fleet } = await serverOf(c, w.env).catch((error: unknown) => {
    if (w.spec.kind === 'look') return { url: undefined, fleet: undefined };
    throw error;
  });
  if (url === undefined) return { call };
  if (w.inProcess) return inProcess(call, url, w.spec);
  const mine = { stateDir: c.stateDir, env: w.env, version: w.version, url };
  const here = {
    ...mine,
    ...(fleet === undefined ? {} : { fleet }),
    ...(c.reach === undefined ? {} : { reach: c.reach }),
  };
  return {
    call,
    remote: async (io) => await (await import('./door.ts')).runRemotely(here, { call, spec: w.spec }, io),
  };
}

/** Break-glass: looks, and what makes it safer. What goes forward on two machines at once would be two authorities. */
function inProcess(call: Invocation, url: string, spec: CommandSpec): Choice {
  if (spec.kind !== 'look' && spec.kind !== 'safe')
    throw fault('TW8034', {
      value: `tw ${spec.verb} --in-process`,
      why: [`${url} decides for this fleet; without it only looks and what makes safer are done`],
      fix: [
        { say: 'Send it to the server:', command: `tw ${spec.verb}` },
        {
          say: 'Is the server gone for good? Make sure that it does not run, then take `server` out of the config.',
        },
      ],
    });
  const note = `In this process: ${url} is not asked and does not learn of it. It is recorded here.`;
  return { call: brokenGlass(call), ...(spec.kind === 'safe' ? { note } : {}) };
}
