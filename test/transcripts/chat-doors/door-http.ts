import { type Args, COMMANDS, type CommandSpec, type Context } from '../../../src/commands/index.ts';
import { isFault } from '../../../src/commands/line/machine/parse.ts';
import { accessOf, tokenCreate } from '../../../src/commands/tokens.ts';
import { memoryJournal, systemClock } from '../../../src/kernel/index.ts';
import { serve } from '../../../src/server/index.ts';
import type { Door, Opened } from './doors.ts';
import { meant, understood } from './phrase.ts';
import type { World } from './world.ts';

interface Body {
  data?: unknown;
  code?: string;
  problem?: { code: string };
}

/** A token of a person; its id is the account. */
function tokenOf(person: string, stateDir: string): { id: string; token: string } {
  const context = { stateDir, clock: systemClock, journal: () => memoryJournal() } as unknown as Context;
  const made = tokenCreate(context, { name: person, role: 'admin', days: 1 } as Args);
  return made.data as { id: string; token: string };
}

const tokens = new Map<string, string>();
const shut = (): Promise<never> => Promise.reject(new Error('no lab'));
const NO_LAB = { isOpen: async () => false, view: shut, say: shut, press: shut, set: shut, onChange: () => undefined };

async function asked(url: string, token: string, x: { spec: CommandSpec; args: Args; key: string }): Promise<Response> {
  const path = `${url}/api/v1/commands/${x.spec.verb.replaceAll(' ', '/')}`;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', prefer: 'wait=60' };
  if (x.spec.kind !== 'look')
    return await fetch(path, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': `key-of-${x.key}` },
      body: JSON.stringify(x.args),
    });
  const query = new URLSearchParams();
  for (const [k, v] of Object.entries(x.args))
    for (const one of [v].flat())
      if (one !== undefined && one !== false) query.append(k, String(one as string | number | boolean));
  return await fetch(`${path}?${query}`, { headers });
}

async function open(world: World): Promise<Opened> {
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const url = await new Promise<string>((ready) => {
    running = serve(world.server({ lab: NO_LAB }), { port: 0, host: '127.0.0.1' }, { ready, signal: stop.signal });
  });
  const stranger = tokenOf('stranger', world.dir).token;
  const ask = async (person: string, verb: string, args: Args): Promise<{ body: Body; exit: string }> => {
    const spec = COMMANDS.find((c) => c.verb === verb) as CommandSpec;
    const token = tokens.get(`${world.dir} ${person}`) ?? stranger;
    const r = await asked(url, token, { spec, args, key: world.newId() });
    return { body: (await r.json()) as Body, exit: r.headers.get('tw-exit') ?? '0' };
  };
  return {
    say: async (person, line) => {
      const look = async (verb: string): Promise<unknown> => (await ask(person, verb, { app: 'guestbook' })).body.data;
      const means = await meant(line, look);
      if (typeof means === 'object') return means.code;
      const draft = understood(means);
      // What is no verb has no address, and what is no argument is told by the same check.
      if (isFault(draft)) return draft.code;
      const { body, exit } = await ask(person, draft.verb, draft.args);
      return body.problem?.code ?? body.code ?? (exit === '0' ? 'ok' : `exit ${exit}`);
    },
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** The HTTP API, every person with a token. */
export const httpDoor: Door = {
  name: 'http',
  ingress: false,
  account: (person, stateDir) => {
    accessOf(stateDir);
    const { id, token } = tokenOf(person, stateDir);
    tokens.set(`${stateDir} ${person}`, token);
    return `http:${id}`;
  },
  open,
};
