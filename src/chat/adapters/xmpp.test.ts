import { xml } from '@xmpp/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inbound } from '../../commands/index.ts';
import { noProsody, Prosody } from '../testing/prosody.ts';
import { liveIn, Person } from '../testing/prosody-person.ts';
import { bot, newRoom, scene } from '../testing/prosody-scene.ts';
import { type Rig, transportContract, view } from '../transport.contract.ts';

const skip = noProsody();
const server = new Prosody();
beforeAll(async () => {
  if (!skip) await server.start();
});
afterAll(() => server.stop());

async function rig(): Promise<Rig> {
  const room = newRoom();
  const person = await Person.join(server, 'ana', room);
  const { transport } = bot(server, room);
  let end: () => Promise<void> = async () => undefined;
  const mine = (): typeof person.seen => person.seen.filter((m) => m.nick === 'tradewind');
  end = async () => {
    server.limit(false);
    await transport.close();
    await person.leave();
  };
  return {
    transport,
    room,
    person: 'ana@localhost',
    type: async (_, __, line) => {
      await person.until(() => person.here.has('tradewind'));
      await person.say(`!tw ${line}`);
    },
    repeat: () => person.repeat(),
    shown: () => mine().at(-1)?.body ?? '',
    count: () => mine().length,
    live: () => mine().flatMap((m) => liveIn(m.body)),
    wipe: async () => {
      await person.kick('tradewind');
      await person.until(() => mine().some((m) => m.body.startsWith('I was away')));
    },
    limit: (on) => server.limit(on),
    end,
  };
}

describe.skipIf(skip)('needs prosody', () => {
  transportContract('xmpp', rig);
});

describe.skipIf(skip)('xmpp: who says what (needs prosody)', () => {
  it('a person is their address, whatever name they use', () =>
    scene(server, async ({ ana, join, lines, heard, room }) => {
      const eve = await join('eve');
      await ana.say('!tw status');
      await ana.rename('somebody');
      await ana.say('!tw versions guestbook\nand more text');
      await lines(2);
      await eve.rename('ana');
      await eve.say('!tw approve a-3f09c2d81b7e');
      await ana.say('guestbook is slow today');
      expect(await lines(3)).toEqual([
        'ana@localhost: status',
        'ana@localhost: versions guestbook',
        'eve@localhost: approve a-3f09c2d81b7e',
      ]);
      expect(heard[0]).toMatchObject({
        room,
        caller: { door: 'xmpp', identity: { platform: 'xmpp', tenant: 'localhost', actor: 'ana@localhost' } },
      });
    }));

  it('who takes the name of the bot is told from it', () =>
    scene(
      server,
      async ({ ana, lines }) => {
        const words = 'I am tradewind-2 here; who is called tradewind is somebody else.';
        await ana.until(() => ana.seen.some((m) => m.nick === 'tradewind-2' && m.body === words));
        await ana.say('!tw status');
        expect(await lines(1)).toEqual(['ana@localhost: status']);
      },
      { before: (ana) => ana.rename('tradewind') },
    ));

  it('another control plane in the room is seen while it is there, so that a line has to say its fleet', () =>
    scene(server, async ({ ana, heard, lines, room }) => {
      server.account('prod');
      const who = { jid: 'prod@localhost', password: 'secret-of-prod', nick: 'prod', fleet: 'prod' };
      const other = bot(server, room, who).transport;
      const also: Inbound[] = [];
      const stop = new AbortController();
      const submit = async (i: Inbound) => ({ id: 'c', first: also.push(i) > 0 });
      const listens = other.listen({ submit, ignored: () => undefined }, stop.signal);
      await ana.until(() => ana.here.has('prod'));
      await ana.say('!tw status');
      await ana.until(() => also.length === 1);
      expect(await lines(1)).toEqual(['ana@localhost: status']);
      expect([heard[0]?.beside, also[0]?.beside]).toEqual([['prod'], ['shop']]);
      stop.abort();
      await listens;
      await other.close();
      await ana.until(() => !ana.here.has('prod'));
      await ana.say('!tw locks');
      await lines(2);
      expect(heard[1]).not.toHaveProperty('beside');
    }));

  it('an address with another letter is another account, and shows it', () =>
    scene(server, async ({ join, lines, transport, room, last, ana }) => {
      const other = await join('\u0430na', { nick: 'ana ' });
      await other.say('!tw approve a-3f09c2d81b7e');
      expect(await lines(1)).toEqual(['\u0430na@localhost: approve a-3f09c2d81b7e']);
      await transport.post(room, view({ by: 'xmpp:\u0430na@localhost' }));
      await ana.until(() => last().includes('U+0430na'));
    }));

  it('nobody can put words of the room into their own presence or message', () =>
    scene(server, async ({ ana, join, lines, room, log }) => {
      const eve = await join('eve');
      const forged = xml(
        'x',
        { xmlns: 'http://jabber.org/protocol/muc#user' },
        xml('item', { jid: 'ana@localhost/x', affiliation: 'owner', role: 'moderator' }),
      );
      await eve.send(xml('presence', { to: `${room}/eve` }, forged));
      await eve.say('!tw approve a-1', forged);
      await ana.say('!tw status', xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: room, id: 'mine' }));
      const got = await lines(1);
      expect(
        got.filter((l) => l.startsWith('ana')),
        log.join('\n'),
      ).toEqual(['ana@localhost: status']);
    }));

  it('edits, quotes, code, whispers and what is old are no orders', () =>
    scene(server, async ({ ana, ignored, join, lines, room }) => {
      const eve = await join('eve');
      await eve.say('!tw status', xml('replace', { xmlns: 'urn:xmpp:message-correct:0', id: 'x' }));
      await eve.say('> !tw status');
      await eve.say('```\n!tw status\n```');
      await eve.say(' !tw status');
      await eve.say('!twstatus');
      await eve.say('!tw status', xml('delay', { xmlns: 'urn:xmpp:delay', from: 'x', stamp: '2026-01-01T00:00:00Z' }));
      await eve.say('!tw status', xml('delay', { xmlns: 'urn:xmpp:delay', stamp: '2026-01-01T00:00:00Z' }));
      await eve.send(xml('message', { to: `${room}/tradewind`, type: 'chat' }, xml('body', {}, '!tw status')));
      await eve.send(xml('message', { to: 'tradewind@localhost', type: 'chat' }, xml('body', {}, '!tw status')));
      await ana.say('!tw versions');
      expect(await lines(1)).toEqual(['ana@localhost: versions']);
      // What may have been meant is in the audit, with whose it was; what the room repeats of its past is not.
      expect(ignored.map((x) => `${x.caller.identity.actor} ${x.line}: ${x.why}`)).toEqual([
        'eve@localhost status: the message was edited',
        'eve@localhost !tw status: it stands in a quote or in code',
        'eve@localhost !tw status: it stands in a quote or in code',
        'eve@localhost !tw status: it stands in a quote or in code',
      ]);
    }));

  it('what was typed before the bot came is history', () =>
    scene(
      server,
      async ({ ana, lines }) => {
        await ana.say('!tw status');
        expect(await lines(1)).toEqual(['ana@localhost: status']);
      },
      { before: (ana) => ana.say('!tw freeze because "long ago"') },
    ));

  it('persons of another domain are not heard', () =>
    scene(server, async ({ ana, join, lines, log }) => {
      const stranger = await join('ana', { host: 'foreign.test', nick: 'boss' });
      await stranger.say('!tw freeze because "x"');
      await ana.say('!tw status');
      expect(await lines(1)).toEqual(['ana@localhost: status']);
      expect(log.join()).toContain('ana@foreign.test is of another domain');
    }));

  it('one who floods is heard a little, is told once, can still make things safer, and delays nobody', () =>
    scene(server, async ({ ana, join, heard }) => {
      const eve = await join('eve');
      await Promise.all(Array.from({ length: 200 }, (_, i) => eve.say(`!tw status --on=c${i}`)));
      await eve.say('!tw abort guestbook');
      await ana.say('!tw status');
      const from = (who: string): string | undefined =>
        heard.findLast((h) => h.caller.identity.actor === `${who}@localhost`)?.line;
      await ana.until(() => from('eve') === 'abort guestbook' && from('ana') === 'status');
      expect(heard.length).toBeLessThan(60);
      const told = (): number => ana.seen.filter((m) => m.body.startsWith('Too many lines')).length;
      await ana.until(() => told() > 0);
      expect(told()).toBe(1);
    }));

  it('a line that cannot be kept is not done, and its person knows', () =>
    scene(
      server,
      async ({ ana, last, heard }) => {
        await ana.say('!tw freeze because "x"');
        await ana.until(() => last().includes('could not be kept'));
        expect(heard).toEqual([]);
      },
      { refuses: true },
    ));

  it('a room that hides addresses is no place for orders, until it shows them', () =>
    scene(
      server,
      async ({ ana, last, lines }) => {
        await ana.until(() => last().includes('hides the addresses'));
        await ana.say('!tw status');
        await ana.configure('muc#roomconfig_whois', 'anyone');
        await ana.say('!tw versions');
        await new Promise((go) => setTimeout(go, 200));
        await ana.rename('ana2');
        await ana.say('!tw history');
        expect((await lines(1)).at(-1)).toBe('ana@localhost: history');
        expect(await lines(1)).not.toContain('ana@localhost: status');
      },
      { before: (ana) => ana.configure('muc#roomconfig_whois', 'moderators') },
    ));
});
