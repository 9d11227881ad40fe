import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import {
  type Args,
  type CommandSpec,
  type Context,
  clusterOf,
  type Invocation,
  type Io,
  type Outcome,
  type RemoteDoor,
} from '../../commands/index.ts';
import { clean, fault } from '../../kernel/index.ts';
import { hello } from './hello.ts';
import { RemoteRun, remoteLook } from './run.ts';
import { howToSignIn, keepToken, tokenFor } from './signin.ts';
import { ask, jsonOf, originOf, strange, type Wire } from './wire.ts';

/** What this side is and which server it belongs to. */
export interface Here {
  stateDir: string;
  env: NodeJS.ProcessEnv;
  version: string;
  /** Address of the server, as the config or the environment name it. */
  url: string;
  /** Of the config here, when there is one. */
  fleet?: string;
  /** Opens a way to the server in a cluster. */
  reach?: Context['reach'];
}

const pathOf = (verb: string): string => `/api/v1/commands/${verb.replaceAll(' ', '/')}`;

/** What is left out is the default on both sides. */
function given(args: Args): Record<string, unknown> {
  const set = Object.entries(args).filter(([, v]) => v !== undefined && v !== false);
  return Object.fromEntries(set.filter(([, v]) => !Array.isArray(v) || v.length > 0));
}

function query(args: Args): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(given(args)))
    for (const one of Array.isArray(v) ? v : [v]) q.append(k, typeof one === 'string' ? one : JSON.stringify(one));
  return q.size === 0 ? '' : `?${q.toString()}`;
}

const say = (line: string): void => void process.stderr.write(`${clean(line)}\n`);

/** Where an address is asked, when that is not the address itself. Throws TW8031, TW2xxx. */
async function viaOf(origin: string, here: Pick<Here, 'reach'>): Promise<Pick<Wire, 'via'>> {
  const cluster = clusterOf(origin);
  if (cluster === undefined || here.reach === undefined) return {};
  return { via: (await here.reach(cluster)).url };
}

async function wireOf(here: Here): Promise<Wire> {
  const origin = originOf(here.url, here.env);
  const token = tokenFor(origin, here.stateDir, here.env);
  const w = { origin, ...(await viaOf(origin, here)), token };
  await hello(w, here);
  return w;
}

/** Sends one command to the server and shows it as if it ran here. Throws TW803x and what the verb throws. */
export async function runRemotely(
  here: Here,
  { call, spec }: { call: Invocation; spec: CommandSpec },
  io: Io,
): Promise<Outcome> {
  const w = await wireOf(here);
  const path = pathOf(call.verb);
  if (spec.kind === 'look')
    return await remoteLook(w, `${path}${query(call.args)}`, { io, follow: call.args['follow'] === true });
  const headers = { accept: 'text/event-stream', 'idempotency-key': randomUUID(), 'tw-answers': '1' };
  const body = given(call.args);
  const begin = async (signal: AbortSignal): Promise<Response> =>
    await ask(w, path, { method: 'POST', headers, body, signal });
  return await new RemoteRun(w, { io, say, begin }).outcome();
}

/** A one-time code of the server becomes a session, and the session makes a token for this person on this machine. */
async function tokenByCode(w: Wire, code: string, wish: { role: string; days: number }): Promise<string> {
  const headers: Record<string, string> = { origin: w.via ?? w.origin, 'x-tradewind': '1' };
  const first = await browser(w, '/api/v1/login', { headers, body: { secret: code } });
  const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const name = `${userInfo().username}@${hostname()}`;
  const more = { ...headers, cookie, 'idempotency-key': randomUUID(), prefer: 'wait=30' };
  const made = await browser(w, pathOf('token create'), { headers: more, body: { name, ...wish } });
  const said = await jsonOf<{ data?: { token?: string } }>(w, made);
  if (typeof said.data?.token !== 'string') throw strange(w, 'it gave no token');
  return said.data.token;
}

/** Without a token, as a page of the server would ask. */
async function browser(w: Wire, path: string, o: { headers: Record<string, string>; body: object }): Promise<Response> {
  return await ask(w, path, { method: 'POST', ...o });
}

/** The server as `tw login` and `tw attach` see it. */
export function remoteDoor(here: Omit<Here, 'url'> & { url?: string }): RemoteDoor {
  const address = (): string => {
    if (here.url !== undefined) return here.url;
    throw fault('TW8014', {
      value: 'server',
      why: ['neither the config nor TW_SERVER names one'],
      fix: [{ say: 'Name it in the config, or here:', command: 'export TW_SERVER=https://tw.example' }],
    });
  };
  return {
    address: () => here.url,
    login: async ({ address: link, ...wish }) => {
      const [base = '', code = ''] = link.split('/#code=');
      if (code === '') throw fault('TW8020', { value: base, why: ['the address carries no code'], fix: howToSignIn });
      const origin = originOf(base, here.env);
      const way = { origin, ...(await viaOf(origin, here)) };
      const token = await tokenByCode({ ...way, token: '' }, code, wish);
      const file = keepToken(here.stateDir, { origin, token });
      const { name, role } = await hello({ ...way, token }, here);
      return { origin, name, role, file };
    },
    attach: async (run, io) => {
      const w = await wireOf({ ...here, url: address() });
      // Whoever looks again only looks: Ctrl-C leaves and stops nothing.
      const detach = AbortSignal.any([io.signal, io.detach]);
      const looking = { ...io, signal: new AbortController().signal, detach };
      return await new RemoteRun(w, { io: looking, say, run }).outcome();
    },
  };
}
