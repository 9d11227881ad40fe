import { afterAll, beforeAll, expect } from 'vitest';
import { GithubServer } from '../../src/chat/testing/github-server.ts';
import { noProsody, Prosody } from '../../src/chat/testing/prosody.ts';
import { Person } from '../../src/chat/testing/prosody-person.ts';
import { SlackServer } from '../../src/chat/testing/slack-server.ts';
import { chatOf } from '../../src/compose/chat.ts';
import type { Config } from '../../src/config/index.ts';
import { quickClock } from '../../src/release/fixtures.ts';
import { type Block, blockOf, words } from './lib/blocks.ts';
import { Fleet } from './lib/fleet.ts';
import { Folder } from './lib/folder.ts';
import { exactly, scenes } from './lib/scenes.ts';

/** The config of each page, with its platform on this machine; the lines of the page are typed by its persons. */
const folders: Folder[] = [];
const ENV = { SLACK_APP_TOKEN: 'a', SLACK_BOT_TOKEN: 'b', XMPP_PASSWORD: 'secret-of-tradewind' };
beforeAll(() => void Object.assign(process.env, ENV));
afterAll(() => {
  for (const name of Object.keys(ENV)) delete process.env[name];
  for (const f of folders) f.end();
});

type Chat = NonNullable<Config['chat']>;
/** Serves the chats of a config until `run` has ended. */
async function chatting(
  x: { page: string; here: (c: Config) => Config },
  run: (
    f: Fleet,
    until: (done: () => boolean, told: () => string) => Promise<void>,
    hook: Awaited<ReturnType<typeof chatOf>>['hook'],
  ) => Promise<void>,
): Promise<void> {
  const folder = new Folder().write(blockOf(x.page, '{'));
  folders.push(folder);
  const config = x.here(await folder.load());
  // A line that comes late is not run: what people type bears the time of the wall.
  const f = await Fleet.open(config, folder.dir, { ...quickClock(10), now: () => Date.now() });
  const log: string[] = [];
  const chat = await chatOf({
    c: f.context(),
    engine: () => f.context(),
    log: (l) => void log.push(l),
    place: () => 'real',
  });
  const stop = new AbortController();
  const runs = chat.run(stop.signal);
  try {
    await run(
      f,
      async (done, told) => {
        for (let i = 0; i < 1000 && !done(); i++) await new Promise((go) => setTimeout(go, 10));
        expect(done(), `${told()}\n${log.join('\n')}`).toBe(true);
      },
      chat.hook,
    );
  } finally {
    stop.abort();
    await runs;
  }
}
/** The accounts and addresses of a config at another host. */
const at = (c: Config, from: string, to: string): Config =>
  JSON.parse(JSON.stringify(c).replaceAll(from, to)) as Config;
/** The approval that a card names. */
const idIn = (text: string): string => /a-\w{12}/.exec(text)?.[0] ?? expect.fail(text);
/** Environments and checks beside the cards would be written one a second. */
const CARDS_ALONE = { deployments: false, checks: false };
const ROOM = 'ops@conference.localhost';

type Heard = (who: Person, line: string, shown: RegExp) => Promise<string>;
/** A Prosody with the rooms of that block, ana and bo in one of them, and the bot of the page. */
async function inRoom(
  block: Block,
  run: (x: { f: Fleet; ana: Person; bo: Person; say: Heard }) => Promise<void>,
): Promise<void> {
  const prosody = new Prosody({ rooms: block.text.replace('conference.example.org', 'conference.localhost') });
  await prosody.start();
  prosody.account('tradewind');
  const [ana, bo] = [await Person.join(prosody, 'ana', ROOM), await Person.join(prosody, 'bo', ROOM)];
  const here = (c: Config): Config => {
    const chat = c.chat as Chat;
    const config = { ...c, chat: { ...chat, xmpp: { ...chat.xmpp, service: prosody.service } } };
    return at(config as Config, 'example.org', 'localhost');
  };
  const say: Heard = async (who, line, shown) => {
    const before = ana.seen.length;
    const card = () => ana.seen.slice(before).findLast((m) => m.nick === 'tradewind' && shown.test(m.body));
    await who.say(line);
    await ana.until(() => card() !== undefined, 20_000);
    return card()?.body ?? '';
  };
  try {
    await chatting({ page: 'xmpp.md', here }, async (f) => {
      await ana.until(() => ana.here.has('tradewind'));
      await run({ f, ana, bo, say });
    });
  } finally {
    await ana.leave();
    await bo.leave();
    await prosody.stop();
  }
}
const all = (version: string): string[] => [version, version, version];

scenes('chat', {
  'chat.md: <verb> [<target>] [in <fleet>] [on <clusters>] [--flag[=value]] [because <reason>]': async (lines) => {
    const [grammar, versions, release, approve, rollback, freeze] = exactly(6, lines);
    const slack = new SlackServer();
    const api = await slack.start();
    const here = (c: Config): Config => ({
      ...c,
      chat: { ...c.chat, slack: { ...(c.chat as Chat).slack, api } } as Chat,
    });
    await chatting({ page: 'chat.md', here }, async (f, until) => {
      await until(
        () => slack.open > 0,
        () => 'no connection',
      );
      let room = 0;
      const say = async (line: string, shown: RegExp): Promise<string> => {
        const channel = `C${++room}`;
        expect(line.startsWith('/tw ')).toBe(true);
        slack.slash('U061F7AUR', channel, line.slice(4), { team: 'T024BE7LD' });
        await until(
          () => shown.test(slack.shown(channel)),
          () => slack.shown(channel),
        );
        return slack.shown(channel);
      };
      expect((await say(versions, /: done/)).match(/v1 +live live, ready 2\/2/g)).toHaveLength(3);
      const asked = await say(release, /TW6110/);
      await f.type(`tw approve ${idIn(asked)}`, { as: 'bob' });
      slack.press('U061F7AUR', `C${room}`, 'Do it', { team: 'T024BE7LD' });
      await until(
        () => f.live().join() === all('v2').join(),
        () => slack.shown(`C${room}`),
      );
      await until(
        () => slack.shown(`C${room}`).includes('r1: released'),
        () => slack.shown(`C${room}`),
      );
      const other = await f.type('tw release guestbook@v3', { as: 'bob' });
      await say(approve.replace(/a-\w+/, other.problem?.value ?? ''), /is granted .*yes anna/);
      await say(rollback, /rolled back: every cluster serves its old version/);
      expect(f.live()).toEqual(all('v1'));
      await say(freeze, /freeze f1 +of everything, by anna, until lifted, because black friday/);
      // Everything that the first line of the block has.
      expect(words(grammar.replaceAll(/[[\]<>]/g, ''))).toEqual([
        'verb',
        'target',
        'in',
        'fleet',
        'on',
        'clusters',
        '--flag=value',
        'because',
        'reason',
      ]);
      await say(
        '/tw freeze guestbook in guestbook-demo on sao,mtl --for=1h because "a cable"',
        /freeze f2 +of guestbook on sao, mtl, by anna, until 20.*, because a cable/,
      );
      await say('/tw freeze guestbook in another-fleet because x', /TW\d{4}/);
    });
    await slack.stop();
  },

  'github.md: /tw release guestbook@v2': async (lines) => {
    const [release, approve, rollback] = exactly(3, lines);
    const github = new GithubServer();
    const api = await github.start();
    const mine = { app: github.app, installation: github.installation, api };
    const secrets = { privateKey: { value: github.privateKey }, webhookSecret: { value: github.secret } };
    const here = (c: Config): Config => {
      const chat = c.chat as Chat;
      const config = { ...c, chat: { ...chat, github: { ...chat.github, ...mine, ...secrets, ...CARDS_ALONE } } };
      return at(config as Config, 'github.com', '127.0.0.1');
    };
    await chatting({ page: 'github.md', here }, async (f, until, hook) => {
      github.target = async (r) => (await hook('github')?.(r)) ?? { status: 404 };
      // Until the server listens GitHub is told to come again.
      while ((await github.post('ping', {})).status_code === 503) await new Promise((go) => setTimeout(go, 20));
      let room = 0;
      const say = async (who: number, line: string, shown: RegExp): Promise<string> => {
        const where = `acme/shop#${++room}`;
        expect((await github.comment({ id: who }, where, line)).status_code).toBe(202);
        await until(
          () => shown.test(github.shown(where)),
          () => github.shown(where),
        );
        return github.shown(where);
      };
      const [ana, bo] = [583231, 1024025];
      const id = idIn(await say(ana, release, /TW6110/));
      await say(ana, approve.replace(/a-\w+/, id), /TW61\d\d/);
      await say(bo, approve.replace(/a-\w+/, id), /is granted/);
      await say(ana, release, /r1: released/);
      expect(f.live()).toEqual(all('v2'));
      await say(bo, rollback, /rolled back: every cluster serves its old version/);
      expect(f.live()).toEqual(all('v1'));
      await say(1, '/tw status', /TW6301/);
    });
    await github.stop();
  },

  'xmpp.md: Component "conference.example.org" "muc"': async (_, { block, skip }) => {
    skip(noProsody(), 'no Prosody here');
    await inRoom(block, async ({ ana, say }) => {
      expect(await say(ana, '!tw versions guestbook', /done/)).toContain('(ana)');
    });
    // Where the room hides addresses nobody is anybody.
    const hidden = { ...block, text: block.text.replace(/^.*public_jids.*$/m, '') };
    await inRoom(hidden, async ({ ana }) => {
      await ana.say('!tw versions guestbook');
      await new Promise((go) => setTimeout(go, 1000));
      expect(ana.seen.map((m) => m.body).join('\n')).not.toContain('(ana)');
    });
  },

  'xmpp.md: !tw release shop@v2': async (lines, { skip }) => {
    const [release, approve, rollback, list] = exactly(
      4,
      lines.map((l) => l.replace('shop', 'guestbook')),
    );
    skip(noProsody(), 'no Prosody here');
    await inRoom(blockOf('xmpp.md', 'Component "conference.example.org" "muc"'), async ({ f, ana, bo, say }) => {
      const id = idIn(await say(ana, release, /TW6110/));
      await say(bo, approve.replace(/a-\w+/, id), /is granted/);
      await say(ana, release, /r1: released/);
      expect(f.live()).toEqual(all('v2'));
      await say(bo, list, /means: versions guestbook/);
      await say(bo, rollback, /rolled back: every cluster serves its old version/);
      expect(f.live()).toEqual(all('v1'));
    });
  },
});
