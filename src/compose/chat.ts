import { ulid } from 'ulid';
import { type RawRequest, type RawResponse, runChat, type Transport } from '../chat/index.ts';
import { COMMANDS, type Context, type Invocation, redactorOf, runCommand } from '../commands/index.ts';
import { readSecret } from '../config/index.ts';

export interface ChatWiring {
  c: Context;
  /** A context of its own for each command, with the config as it is then. */
  engine: (call: Invocation) => Context;
  log: (line: string) => void;
}

async function transportsOf(c: Context, log: (line: string) => void): Promise<Transport[]> {
  const config = await c.config().catch(() => undefined);
  const slack = config?.chat?.slack;
  if (slack === undefined) return [];
  const { slackTransport } = await import('../chat/adapters/slack.ts');
  const [appToken, botToken] = [slack.appToken, slack.botToken].map((ref) => readSecret(ref, process.env));
  const { team, slash, api } = slack;
  return [slackTransport({ appToken: appToken ?? '', botToken: botToken ?? '', team, slash, api, log })];
}

interface Chats {
  /** Until the signal fires. */
  run(signal: AbortSignal): Promise<void>;
  hook(name: string): ((r: RawRequest) => Promise<RawResponse>) | undefined;
}

/** The chats of the config, ready to listen. Throws what a missing secret throws. */
export async function chatOf(w: ChatWiring): Promise<Chats> {
  const transports = await transportsOf(w.c, w.log);
  const alone = async <T>(call: Invocation, work: (c: Context) => Promise<T>): Promise<T> => {
    const c = w.engine(call);
    try {
      return await work(c);
    } finally {
      await c.close().catch(() => undefined);
    }
  };
  const look: Invocation = { verb: 'status', args: {} };
  const deps = {
    transports,
    log: w.log,
    book: w.c.book(),
    clock: w.c.clock,
    newId: ulid,
    grammar: () =>
      alone(look, async (c) => {
        const config = await c.config();
        const [apps, clusters] = [config.apps.map((a) => a.name), config.clusters.map((k) => k.name)];
        return { table: COMMANDS, fleet: config.fleet, apps, clusters };
      }),
    run: (call: Invocation, io: Parameters<typeof runCommand>[2]) => alone(call, (c) => runCommand(c, call, io)),
    redact: (line: string) => alone(look, async (c) => (await redactorOf(c)).text(line)),
  };
  return {
    run: async (signal) => {
      if (transports.length > 0) await runChat(deps, signal);
    },
    hook: (name) => {
      const t = transports.find((x) => x.name === name);
      return t?.hook?.bind(t);
    },
  };
}
