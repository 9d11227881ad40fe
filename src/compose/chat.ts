import { ulid } from 'ulid';
import { Lab } from '../chat/adapters/lab.ts';
import { type RawRequest, type RawResponse, runChat, type Transport } from '../chat/index.ts';
import {
  type Caller,
  COMMANDS,
  type Context,
  callerName,
  dashboardOf,
  type Invocation,
  isNobody,
  redactorOf,
  runCommand,
} from '../commands/index.ts';
import { type Config, readSecret, type SecretRef } from '../config/index.ts';
import { LabDoor } from './lab.ts';

export interface ChatWiring {
  c: Context;
  /** A context of its own for each command, with the config as it is then. */
  engine: (call: Invocation) => Context;
  log: (line: string) => void;
  /** Where the fleet stands now. */
  place: () => 'sandbox' | 'real' | undefined;
}

/** A platform of the config; undefined = the config does not name it. Secrets come from the environment. */
type Maker = (chat: NonNullable<Config['chat']>, w: ChatWiring) => Promise<Transport | undefined>;

const slackOf: Maker = async ({ slack }, { log }) => {
  if (slack === undefined) return undefined;
  const { slackTransport } = await import('../chat/adapters/slack.ts');
  const secret = (ref: SecretRef): string => readSecret(ref, process.env);
  const { team, slash, api, appToken, signingSecret } = slack;
  return slackTransport({
    ...{ team, slash, api, log, botToken: secret(slack.botToken) },
    ...(appToken === undefined ? {} : { appToken: secret(appToken) }),
    ...(signingSecret === undefined ? {} : { signingSecrets: [signingSecret].flat().map(secret) }),
  });
};

/** A page of the dashboard for people elsewhere; nothing where only this machine reaches it. */
function publicPage(c: Context, path: string): string | undefined {
  const url = dashboardOf(c);
  return url?.startsWith('https:') === true ? `${url.replace(/\/$/, '')}${path}` : undefined;
}

const githubOf: Maker = async ({ github }, { c, log }) => {
  if (github === undefined) return undefined;
  const { githubTransport } = await import('../chat/adapters/github.ts');
  const secret = (ref: SecretRef): string => readSecret(ref, process.env);
  const { app, installation, repositories, slash, api, deployments, checks, privateKey, webhookSecret } = github;
  return githubTransport({
    ...{ repositories, slash, api, deployments, checks, log, paced: true },
    account: { app, installation, privateKey: secret(privateKey) },
    webhookSecrets: [webhookSecret].flat().map(secret),
    fleet: (await c.config()).fleet,
    details: () => publicPage(c, '/releases'),
  });
};

const xmppOf: Maker = async ({ xmpp }, { c, log }) => {
  if (xmpp === undefined) return undefined;
  const { xmppTransport } = await import('../chat/adapters/xmpp.ts');
  const domain = xmpp.jid.slice(xmpp.jid.indexOf('@') + 1);
  const { jid, rooms, nick, service = `xmpp://${domain}:5222`, domains = [domain] } = xmpp;
  const { fleet } = await c.config();
  const password = readSecret(xmpp.password, process.env);
  return xmppTransport({ jid, rooms, nick, fleet, service, domains, log, password });
};

const MAKERS: readonly Maker[] = [githubOf, slackOf, xmppOf];

async function transportsOf(w: ChatWiring): Promise<Transport[]> {
  const chat = (await w.c.config().catch(() => undefined))?.chat;
  if (chat === undefined) return [];
  const made = await Promise.all(MAKERS.map((make) => make(chat, w)));
  return made.filter((t) => t !== undefined);
}

interface Chats {
  /** Until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
  hook(name: string): ((r: RawRequest) => Promise<RawResponse>) | undefined;
  /** Cards that each chat does not show as they are yet. */
  depth(): Readonly<Record<string, number>>;
  /** A chat of the dashboard, for fleets of the sandbox. */
  lab: LabDoor;
}

type Io = Parameters<typeof runCommand>[2];

/** The gate as a chat reaches it: each line in a context of its own, with the config as it is then. */
export function gateOf(
  { c, engine }: Pick<ChatWiring, 'c' | 'engine'>,
  guard: (c: Context, call: Invocation) => Promise<Context> = async (own) => own,
) {
  const alone = async <T>(call: Invocation, work: (own: Context) => Promise<T>): Promise<T> => {
    const own = engine(call);
    try {
      return await work(own);
    } finally {
      await own.close().catch(() => undefined);
    }
  };
  const look: Invocation = { verb: 'status', args: {} };
  return {
    book: c.book(),
    clock: c.clock,
    newId: ulid,
    config: () => alone(look, (own) => own.config()),
    grammar: () =>
      alone(look, async (own) => {
        const config = await own.config();
        const [apps, clusters] = [config.apps.map((a) => a.name), config.clusters.map((k) => k.name)];
        const { github, xmpp } = config.chat ?? {};
        const beside = { github: github?.beside ?? [], xmpp: xmpp?.beside ?? [] };
        return { table: COMMANDS, fleet: config.fleet, apps, clusters, beside };
      }),
    run: (call: Invocation, io: Io) => alone(call, async (own) => runCommand(await guard(own, call), call, io)),
    nameOf: (caller: Caller) => alone(look, (own) => callerName(own, caller)),
    isNobody: (caller: Caller) => alone(look, (own) => isNobody(own, caller)),
    redact: (line: string) =>
      alone(look, async (own) => (await redactorOf(own, process.env, { typed: true })).text(line)),
  };
}

/** The chats of the config and the lab, ready to listen. Throws what a missing secret throws. */
export async function chatOf(w: ChatWiring): Promise<Chats> {
  const lab = new Lab({ clock: w.c.clock, newId: ulid });
  const gate = gateOf(w, async (c, call) => (call.from?.identity.platform === 'lab' ? await door.guarded(c) : c));
  const door = new LabDoor({ lab, place: w.place, config: gate.config });
  const transports: readonly Transport[] = [...(await transportsOf(w)), lab];
  let depth = (): Readonly<Record<string, number>> => ({});
  const deps = { ...gate, transports, log: w.log, onDepth: (ask: typeof depth) => void (depth = ask) };
  return {
    depth: () => depth(),
    run: (signal) => runChat(deps, signal),
    lab: door,
    hook: (name) => {
      const t = transports.find((x) => x.name === name);
      return t?.hook?.bind(t);
    },
  };
}
