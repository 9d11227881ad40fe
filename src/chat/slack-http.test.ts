import { describe, expect, it } from 'vitest';
import type { Inbound } from '../commands/index.ts';
import { slackTransport } from './adapters/slack.ts';
import { SlackPosts, signed } from './testing/slack-post.ts';
import { SlackServer } from './testing/slack-server.ts';
import { type Rig, transportContract, view } from './transport.contract.ts';

const [NEW, OLD] = ['secret-of-today', 'secret-of-yesterday'];
const tick = (): Promise<void> => new Promise((go) => setTimeout(go, 5));

async function slack(log: (line: string) => void = () => undefined) {
  const server = new SlackServer();
  const api = await server.start();
  const transport = slackTransport({
    ...{ botToken: 'xoxb-test', signingSecrets: [NEW, OLD], team: 'T1', slash: '/tw', api, log },
  });
  const hook = transport.hook?.bind(transport);
  if (hook === undefined) throw new Error('no hook');
  const posts = new SlackPosts(hook, NEW);
  server.posts = posts;
  const listening = async (): Promise<void> => {
    while ((await hook({ headers: {}, body: '' })).status === 503) await tick();
  };
  return { server, transport, hook, posts, listening };
}

transportContract('slack over HTTP', async (): Promise<Rig> => {
  const { server, transport, posts, listening } = await slack();
  return {
    transport,
    type: async (person, room, line) => {
      await listening();
      server.slash(person, room, line);
    },
    repeat: async () => void (await posts.replay()),
    shown: (room) => server.shown(room),
    count: (room) => server.messages.filter((m) => m.channel === room).length,
    live: (room) => server.messages.filter((m) => m.channel === room).flatMap((m) => m.live),
    wipe: () => void server.messages.splice(0),
    limit: (on) => void (server.broken = on ? 'limited' : undefined),
    end: () => server.stop(),
  };
});

type Heard = Awaited<ReturnType<typeof slack>> & {
  heard: Inbound[];
  /** The store takes nothing so many times; then it takes so many milliseconds. */
  broken: { times: number; ms: number };
  until: (w: () => boolean) => Promise<void>;
};

async function heardBy(run: (x: Heard) => Promise<void>): Promise<void> {
  const x = await slack();
  const heard: Inbound[] = [];
  const broken = { times: 0, ms: 0 };
  const stop = new AbortController();
  const submit = async (i: Inbound) => {
    if (broken.times-- > 0) throw new Error('full');
    await new Promise((go) => setTimeout(go, broken.ms));
    heard.push(i);
    return { id: 'c', first: true };
  };
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 2000 && !what(); i++) await tick();
    expect(what()).toBe(true);
  };
  const listens = x.transport.listen({ submit, ignored: () => undefined }, stop.signal);
  try {
    await x.listening();
    await run({ ...x, heard, broken, until });
  } finally {
    stop.abort();
    await listens;
    await x.server.stop();
  }
}

const slash = (more: Record<string, string> = {}): string =>
  new URLSearchParams({
    command: '/tw',
    text: 'status',
    user_id: 'U1',
    team_id: 'T1',
    channel_id: 'C1',
    trigger_id: 't1',
    ...more,
  }).toString();
const now = (): number => Math.floor(Date.now() / 1000);

describe('slack over HTTP', () => {
  it('before it listens it says so; nothing is heard', async () => {
    const { hook, server } = await slack();
    expect(await hook(signed(NEW, slash()))).toEqual({ status: 503 });
    await server.stop();
  });

  it('slash commands, mentions and buttons, with every id that Slack repeats', () =>
    heardBy(async ({ server, transport, posts, heard, until }) => {
      server.slash('U1', 'C1', 'status', { trigger: 't.1' });
      await until(() => heard.length === 1);
      server.mention('U2', 'C1', 'why &lt;x&gt;');
      await until(() => heard.length === 2);
      await transport.post('C1', view());
      server.press('U3', 'C1', 'Pause');
      await until(() => heard.length === 3);
      expect(heard.map((h) => [h.caller.identity.actor, h.line])).toEqual([
        ['U1', 'status'],
        ['U2', 'why <x>'],
        ['U3', 'pause guestbook'],
      ]);
      expect(heard[0]?.keys).toEqual(['slack T1 t.1', expect.stringMatching(/^slack T1 signature v0=[0-9a-f]{64}$/)]);
      await until(() => posts.posted.length === 3);
      expect(posts.posted.map((p) => [p.status, p.body])).toEqual([
        [200, undefined],
        [200, undefined],
        [200, undefined],
      ]);
    }));

  it('Slack asks whether the address is ours', () =>
    heardBy(async ({ hook, heard }) => {
      const body = JSON.stringify({ type: 'url_verification', challenge: '3eZb' });
      expect(await hook(signed(NEW, body, { type: 'application/json' }))).toEqual({ status: 200, body: '3eZb' });
      expect(await hook(signed('other', body, { type: 'application/json' }))).toEqual({ status: 401 });
      expect(heard).toEqual([]);
    }));

  it('both secrets hold while one is changed; an event that was not kept comes again under the same id', () =>
    heardBy(async ({ server, posts, heard, broken, until }) => {
      posts.secret = OLD;
      broken.times = 2;
      server.mention('U1', 'C1', 'status');
      await until(() => heard.length === 1);
      await until(() => posts.posted.length === 3);
      expect(posts.posted.map((p) => [p.retry, p.status])).toEqual([
        [0, 503],
        [1, 503],
        [2, 200],
      ]);
    }));

  it(
    'a store that is slow: Slack has its answer within 3 s, and what came twice has one key',
    () =>
      heardBy(async ({ server, posts, heard, broken, until }) => {
        broken.ms = 2700;
        const since = performance.now();
        server.mention('U1', 'C1', 'status');
        await until(() => posts.posted.length === 1);
        expect([posts.posted[0]?.status, performance.now() - since < 3000]).toEqual([503, true]);
        broken.ms = 0;
        await until(() => heard.length === 2);
        expect(heard[0]?.keys[0]).toBe(heard[1]?.keys[0]);
      }),
    15_000,
  );

  it.each([
    ['no headers', { headers: {}, body: slash() }],
    ['a signature of another secret', signed('guessed', slash())],
    ['one byte of the body moved', { ...signed(NEW, slash()), body: slash({ text: 'statuz' }) }],
    ['six minutes old', signed(NEW, slash(), { at: now() - 360 })],
    ['six minutes ahead', signed(NEW, slash(), { at: now() + 360 })],
    [
      'a timestamp that is none',
      { ...signed(NEW, slash()), headers: { 'x-slack-request-timestamp': '1e9', 'x-slack-signature': 'v0=' } },
    ],
    [
      'another scheme',
      {
        body: slash(),
        headers: {
          ...signed(NEW, slash()).headers,
          'x-slack-signature': signed(NEW, slash()).headers['x-slack-signature']?.replace('v0', 'v1') ?? '',
        },
      },
    ],
    [
      'a signature that is cut',
      {
        body: slash(),
        headers: {
          ...signed(NEW, slash()).headers,
          'x-slack-signature': signed(NEW, slash()).headers['x-slack-signature']?.slice(0, -1) ?? '',
        },
      },
    ],
  ])('401 without a reason: %s', (_, r) =>
    heardBy(async ({ hook, heard }) => {
      expect(await hook(r)).toEqual({ status: 401 });
      expect(heard).toEqual([]);
    }),
  );

  it.each([
    ['JSON that is none', signed(NEW, '{"type":', { type: 'application/json' }), 400],
    ['JSON that is no object', signed(NEW, 'null', { type: 'application/json' }), 400],
    ['a payload that is none', signed(NEW, 'payload=%7B'), 400],
    ['another slash command', signed(NEW, slash({ command: '/other' })), 200],
    ['nobody', signed(NEW, slash({ user_id: '' }).replace('user_id=', 'nobody=')), 200],
    ['another workspace', signed(NEW, slash({ team_id: 'T9' })), 200],
    [
      'a button of another app',
      signed(
        NEW,
        `payload=${encodeURIComponent(JSON.stringify({ type: 'block_actions', actions: [{ action_id: 'x', value: 'down' }] }))}`,
      ),
      200,
    ],
    ['a check of the certificate', signed(NEW, 'ssl_check=1&token=x'), 200],
    ['nothing at all', signed(NEW, ''), 200],
  ])('signed, and not for us: %s', (_, r, status) =>
    heardBy(async ({ hook, heard }) => {
      expect((await hook(r)).status).toBe(status);
      expect(heard).toEqual([]);
    }),
  );

  it('the moment of typing is that of Slack: what is recorded and sent within five minutes has the first key', () =>
    heardBy(async ({ hook, heard }) => {
      const r = signed(NEW, slash(), { at: now() - 240 });
      await hook(r);
      await hook(r);
      expect(heard.map((h) => h.keys)).toEqual([heard[0]?.keys, heard[0]?.keys]);
      expect(Date.now() - (heard[0]?.typedAt ?? 0)).toBeGreaterThan(235_000);
    }));
});
