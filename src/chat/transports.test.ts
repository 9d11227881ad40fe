import { describe, expect, it } from 'vitest';
import type { Ignored, Inbound } from '../commands/index.ts';
import { slackTransport } from './adapters/slack.ts';
import { ChatFault } from './ports.ts';
import { SlackServer } from './testing/slack-server.ts';
import { type Rig, transportContract, view } from './transport.contract.ts';
import { MemoryChat } from './twin.ts';

const tick = (): Promise<void> => new Promise((go) => setTimeout(go, 5));

transportContract('in memory', async (): Promise<Rig> => {
  const chat = new MemoryChat();
  let n = 0;
  let last: () => Promise<void> = async () => undefined;
  return {
    transport: chat,
    type: async (person, room, line) => {
      const key = `k${++n}`;
      last = () => chat.type(person, room, line, { key, typedAt: 0 });
      await last();
    },
    repeat: () => last(),
    shown: (room) => chat.texts(room).at(-1) ?? '',
    count: (room) => chat.texts(room).length,
    live: () => [],
    wipe: () => void chat.messages.splice(0),
    limit: (on) => void (chat.fault = on ? () => new ChatFault('later', 'wait', { afterMs: 1000 }) : undefined),
    end: async () => undefined,
  };
});

async function slack(log: (line: string) => void = () => undefined, staggerMs = 60_000) {
  const server = new SlackServer();
  const api = await server.start();
  const transport = slackTransport({
    botToken: 'xoxb-test',
    appToken: 'xapp-test',
    team: 'T1',
    slash: '/tw',
    api,
    log,
    staggerMs,
  });
  const connected = async (n = 1): Promise<void> => {
    while (server.connections < n) await tick();
    await tick();
  };
  return { server, transport, connected, api };
}

transportContract('slack', async (): Promise<Rig> => {
  const { server, transport, connected } = await slack();
  let last: () => string = () => '';
  return {
    transport,
    type: async (person, room, line) => {
      await connected();
      const trigger = `trigger.${Math.random()}`;
      last = () => server.slash(person, room, line, { trigger });
      last();
    },
    repeat: async () => void last(),
    shown: (room) => server.shown(room),
    count: (room) => server.messages.filter((m) => m.channel === room).length,
    live: (room) => server.messages.filter((m) => m.channel === room).flatMap((m) => m.live),
    wipe: () => void server.messages.splice(0),
    limit: (on) => void (server.broken = on ? 'limited' : undefined),
    end: () => server.stop(),
  };
});

describe('slack', () => {
  const listening = async (
    run: (
      x: Awaited<ReturnType<typeof slack>> & {
        heard: Inbound[];
        ignored: Ignored[];
        fail: (n: number) => void;
        until: (w: () => boolean) => Promise<void>;
      },
    ) => Promise<void>,
  ): Promise<void> => {
    const x = await slack();
    const heard: Inbound[] = [];
    const ignored: Ignored[] = [];
    let failures = 0;
    const stop = new AbortController();
    const submit = async (i: Inbound) => {
      if (failures-- > 0) throw new Error('full');
      heard.push(i);
      return { id: 'c', first: true };
    };
    const until = async (what: () => boolean): Promise<void> => {
      for (let i = 0; i < 2000 && !what(); i++) await tick();
      expect(what()).toBe(true);
    };
    const listens = x.transport.listen({ submit, ignored: (i) => void ignored.push(i) }, stop.signal);
    await x.connected();
    try {
      await run({ ...x, heard, ignored, until, fail: (n) => void (failures = n) });
    } finally {
      stop.abort();
      await listens;
      await x.server.stop();
    }
  };

  it('mentions and buttons are lines of who typed and pressed; links and entities are turned back', () =>
    listening(async ({ server, transport, heard, until }) => {
      server.mention('U2', 'C1', 'why <http://guestbook.demo|guestbook.demo> &amp; co');
      await until(() => heard.length === 1);
      expect(heard[0]).toMatchObject({
        line: 'why guestbook.demo & co',
        room: 'C1',
        caller: { door: 'slack', identity: { platform: 'slack', tenant: 'T1', actor: 'U2' } },
      });
      await transport.post('C1', view());
      server.press('U3', 'C1', 'Pause');
      await until(() => heard.length === 2);
      expect(heard[1]).toMatchObject({ line: 'pause guestbook', caller: { identity: { actor: 'U3' } } });
    }));

  it('bots, edits and guests of other workspaces are not heard, and acknowledged', () =>
    listening(async ({ server, heard, ignored, until }) => {
      const ids = [
        server.mention('U1', 'C1', 'status', { bot_id: 'B1' }),
        server.mention('U1', 'C1', 'status', { edited: { user: 'U1' } }),
        server.mention('U1', 'C1', 'status', { subtype: 'message_changed' }),
        server.mention('U9', 'C1', 'status', { user_team: 'T9' }),
        server.slash('U9', 'C1', 'status', { team: 'T9' }),
        server.send('slash_commands', { command: '/other', text: 'x', user_id: 'U1', team_id: 'T1', channel_id: 'C1' }),
      ];
      await until(() => ids.every((id) => server.acked.has(id)));
      expect(heard).toEqual([]);
      expect(ignored.map((x) => `${x.caller.identity.tenant} ${x.caller.identity.actor} ${x.line}: ${x.why}`)).toEqual([
        'T1 U1 status: a bot wrote it',
        'T1 U1 status: the message was edited',
        'T1 U1 status: the message was edited',
        'T9 U9 status: a person of another workspace wrote it',
        'T9 U9 status: a person of another workspace wrote it',
      ]);
    }));

  it('what could not be kept is not acknowledged, so Slack sends it again', () =>
    listening(async ({ server, heard, until, fail }) => {
      fail(1);
      const first = server.slash('U1', 'C1', 'status', { trigger: 't.1' });
      const second = server.slash('U1', 'C1', 'status', { trigger: 't.1' });
      await until(() => server.acked.has(second));
      expect([server.acked.has(first), heard.length]).toEqual([false, 1]);
    }));

  it(
    'comes back when Slack takes the connection down',
    () =>
      listening(async ({ server, heard, until, connected }) => {
        server.refresh();
        await connected(2);
        server.slash('U1', 'C1', 'status');
        await until(() => heard.length === 1);
      }),
    30_000,
  );

  it('over two connections: while Slack renews one, the other is heard', async () => {
    const said: string[] = [];
    const { server, transport, connected } = await slack((line) => void said.push(line), 30);
    const heard: string[] = [];
    const stop = new AbortController();
    const submit = async (i: Inbound) => {
      heard.push(i.line);
      return { id: 'c', first: true };
    };
    const listens = transport.listen({ submit, ignored: () => undefined }, stop.signal);
    await connected(2);
    server.refuses = 'down';
    server.renew();
    while (server.open > 1) await tick();
    server.slash('U1', 'C1', 'status');
    while (heard.length === 0) await tick();
    expect([heard, server.open]).toEqual([['status'], 1]);
    // What the opening is answered ends no process, and is tried again.
    while (said.length === 0) await tick();
    expect(said[0]).toMatch(/opened again in 5 s/);
    stop.abort();
    await listens;
    await server.stop();
  }, 15_000);

  it('a token that Slack refuses is told to whoever listens', async () => {
    const { server, transport } = await slack();
    server.refuses = 'invalid_auth';
    const submit = async () => ({ id: 'c', first: true });
    await expect(transport.listen({ submit, ignored: () => undefined }, new AbortController().signal)).rejects.toThrow(
      /invalid_auth/,
    );
    await server.stop();
  });

  it('a third connection is another control plane on the same app: told', async () => {
    const said: string[] = [];
    const [a, stop] = [await slack((line) => void said.push(line), 5), new AbortController()];
    const other = slackTransport({
      botToken: 'b',
      appToken: 'a',
      team: 'T1',
      slash: '/tw',
      api: a.api,
      log: () => undefined,
    });
    const submit = async () => ({ id: 'c', first: true });
    const others = other.listen({ submit, ignored: () => undefined }, stop.signal);
    await a.connected(1);
    const listens = a.transport.listen({ submit, ignored: () => undefined }, stop.signal);
    while (said.length === 0) await tick();
    expect(said[0]).toMatch(/3 connections of this app, 2 are ours/);
    stop.abort();
    await Promise.all([listens, others]);
    await a.server.stop();
  });

  it('an archived channel is never, a dead Slack is later', async () => {
    const { server, transport } = await slack();
    server.broken = 'archived';
    await expect(transport.post('C1', view())).rejects.toMatchObject({ is: 'never' });
    server.broken = 'down';
    await expect(transport.post('C1', view())).rejects.toMatchObject({ is: 'later' });
    await server.stop();
    await expect(transport.find('C1', 'c1')).rejects.toMatchObject({ is: 'later' });
  });
});
