import { githubTransport } from '../../../src/chat/adapters/github.ts';
import { Lab } from '../../../src/chat/adapters/lab.ts';
import { slackTransport } from '../../../src/chat/adapters/slack.ts';
import type { Transport } from '../../../src/chat/index.ts';
import { GithubServer } from '../../../src/chat/testing/github-server.ts';
import { noProsody, Prosody } from '../../../src/chat/testing/prosody.ts';
import { Person } from '../../../src/chat/testing/prosody-person.ts';
import { bot, newRoom } from '../../../src/chat/testing/prosody-scene.ts';
import { SlackPosts } from '../../../src/chat/testing/slack-post.ts';
import { SlackServer } from '../../../src/chat/testing/slack-server.ts';
import { systemClock } from '../../../src/kernel/index.ts';
import { cliDoor } from './door-cli.ts';
import { httpDoor } from './door-http.ts';
import type { World } from './world.ts';

/** A door that stands open. */
export interface Opened {
  /** Types a line; resolves when the command has ended, with the code of its problem, or `ok`. */
  say(person: string, line: string): Promise<string>;
  /** Presses the newest button of this name, once a card offers this line; absent: the door has none. */
  press?(person: string, label: string, line: string): Promise<string>;
  close(): Promise<void>;
}
export interface Door {
  name: string;
  /** What the platform keeps what was typed by: a record of the audit before all others. */
  ingress: boolean;
  /** How the account of a person is written in the config. */
  account(person: string, stateDir: string): string;
  /** Block `chat` of the config. */
  chat?: object;
  open(world: World): Promise<Opened>;
}

interface Row {
  id: string;
  outcome?: Ended;
}
interface Ended {
  exit: number;
  code: string | null;
}
const POLL_MS = 3;

const rowsOf = (w: World): Row[] =>
  [...w.kept.kept.entries()].filter(([k]) => k.startsWith('command/')).map(([, v]) => v.value as unknown as Row);

const said = (o: Ended): string => o.code ?? (o.exit === 0 ? 'ok' : `exit ${o.exit}`);

/** The end of the command that was taken after `before`, as the book has it. */
async function endAfter(w: World, before: ReadonlySet<string>): Promise<string> {
  for (let id: string | undefined; ; ) {
    const rows = rowsOf(w);
    id ??= rows.find((r) => !before.has(r.id))?.id;
    const row = rows.find((r) => r.id === id);
    if (row?.outcome !== undefined) return said(row.outcome);
    await systemClock.sleep(POLL_MS);
  }
}

interface Platform {
  transport: Transport;
  type(person: string, line: string): unknown;
  press?(person: string, label: string): unknown;
  /** A card offers this line. */
  offers?(line: string): boolean;
  /** The transport hears what is typed. */
  heard(): Promise<void>;
  stop(): Promise<void>;
}

async function chatDoor(world: World, p: Platform): Promise<Opened> {
  const stop = new AbortController();
  Object.defineProperty(p.transport, 'gapMs', { value: 1 });
  const running = world.chat([p.transport], stop.signal);
  await p.heard();
  const after = async (act: () => unknown): Promise<string> => {
    const before = new Set(rowsOf(world).map((r) => r.id));
    await act();
    return await endAfter(world, before);
  };
  const { press, offers } = p;
  const pressed = async (person: string, label: string, line: string): Promise<string> => {
    while (offers?.(line) !== true) await systemClock.sleep(POLL_MS);
    return await after(() => press?.(person, label));
  };
  return {
    say: (person, line) => after(() => p.type(person, line)),
    ...(press === undefined ? {} : { press: pressed }),
    close: async () => {
      stop.abort();
      await running;
      await p.stop();
    },
  };
}

const ROOM = 'C1';
const slackUser = (person: string): string => `U${person.toUpperCase()}`;

async function slackDoor(world: World, way: 'http' | 'socket'): Promise<Opened> {
  const server = new SlackServer();
  const api = await server.start();
  const common = { botToken: 'xoxb', team: 'T1', slash: '/tw', api, log: () => undefined };
  const secret = 'of this app';
  const transport = slackTransport(
    way === 'http' ? { ...common, signingSecrets: [secret] } : { ...common, appToken: 'xapp', staggerMs: 60_000 },
  );
  const hook = transport.hook?.bind(transport);
  if (way === 'http' && hook !== undefined) server.posts = new SlackPosts(hook, secret);
  const ready = async (): Promise<boolean> =>
    way === 'socket' ? server.connections > 0 : (await hook?.({ headers: {}, body: '' }))?.status === 401;
  return await chatDoor(world, {
    transport,
    type: (person, line) => server.slash(slackUser(person), ROOM, line),
    press: (person, label) => server.press(slackUser(person), ROOM, label),
    offers: (line) => server.messages.some((m) => m.blocks.some((b) => b.elements?.some((e) => e.value === line))),
    heard: async () => {
      while (!(await ready())) await systemClock.sleep(POLL_MS);
      await systemClock.sleep(20);
    },
    stop: () => server.stop(),
  });
}

const GITHUB_IDS: Readonly<Record<string, number>> = { ana: 101, bo: 102, eve: 103 };
const githubId = (person: string): number => GITHUB_IDS[person] ?? 666;

async function githubDoor(world: World): Promise<Opened> {
  const server = new GithubServer();
  const api = await server.start();
  const { app, installation, privateKey } = server;
  const transport = githubTransport({
    account: { app, installation, privateKey },
    webhookSecrets: [server.secret],
    ...{ repositories: ['acme/shop'], slash: '/tw', api, fleet: 'demo', paced: false, log: () => undefined },
    ...{ deployments: true, checks: true, details: () => undefined },
  });
  server.target = (r) => transport.hook(r);
  return await chatDoor(world, {
    transport,
    type: (person, line) => server.comment({ id: githubId(person) }, 'acme/shop#12', `/tw ${line}`),
    heard: async () => {
      while ((await transport.hook({ headers: {}, body: '' })).status === 503) await systemClock.sleep(POLL_MS);
    },
    stop: () => server.stop(),
  });
}

/** A person may type ten lines at once, then one a second. */
const BURST = 9;

async function xmppDoor(world: World): Promise<Opened> {
  const server = new Prosody();
  await server.start();
  const room = newRoom();
  const { transport } = bot(server, room);
  const names = ['ana', 'bo', 'eve', 'mallory'];
  const persons = new Map<string, Person>();
  // Whoever comes first makes the room.
  for (const name of names) persons.set(name, await Person.join(server, name, room));
  const said = new Map<string, number>();
  return await chatDoor(world, {
    transport,
    type: async (person, line) => {
      const n = said.get(person) ?? 0;
      said.set(person, n + 1);
      if (n >= BURST) await systemClock.sleep(1100);
      await persons.get(person)?.say(`!tw ${line}`);
    },
    heard: async () => {
      for (const p of persons.values()) await p.until(() => p.here.has('tradewind'));
    },
    stop: async () => {
      for (const p of persons.values()) await p.leave();
      await server.stop();
    },
  });
}

async function labDoor(world: World): Promise<Opened> {
  const lab = new Lab({ clock: systemClock, newId: () => world.newId() });
  const cards = () => lab.view([]).entries.filter((e) => e.is === 'card');
  return await chatDoor(world, {
    transport: lab,
    type: (person, line) => lab.say(person, `/tw ${line}`),
    press: (person, label) => {
      const card = cards().findLast((e) => e.card.buttons.some((b) => b.label === label));
      lab.press(person, card?.id ?? '', label);
    },
    offers: (line) => cards().some((e) => e.card.buttons.some((b) => b.line === line)),
    heard: async () => undefined,
    stop: async () => undefined,
  });
}

/** Every door into one gate; the first one writes the transcript that all must equal. */
export const DOORS: readonly Door[] = [
  { name: 'cli', ingress: false, account: (p) => `os:${p}`, open: cliDoor },
  httpDoor,
  { name: 'lab', ingress: true, account: (p) => `lab:${p}`, chat: { lab: {} }, open: labDoor },
  {
    name: 'slack over HTTP',
    ingress: true,
    account: (p) => `slack:T1:${slackUser(p)}`,
    open: (w) => slackDoor(w, 'http'),
  },
  {
    name: 'slack by socket',
    ingress: true,
    account: (p) => `slack:T1:${slackUser(p)}`,
    open: (w) => slackDoor(w, 'socket'),
  },
  { name: 'github', ingress: true, account: (p) => `github:127.0.0.1:${githubId(p)}`, open: githubDoor },
  ...(noProsody()
    ? []
    : [{ name: 'xmpp', ingress: true, account: (p: string) => `xmpp:localhost:${p}@localhost`, open: xmppDoor }]),
];
