import { xml } from '@xmpp/client';
import { describe, expect, it } from 'vitest';
import { Room } from './xmpp-room.ts';
import type { Element } from './xmpp-stanza.ts';

const ROOM = 'ops@conference.localhost';
const USER = 'http://jabber.org/protocol/muc#user';
const item = (jid: string | undefined, ...more: Element[]): Element =>
  xml('x', { xmlns: USER }, xml('item', jid === undefined ? {} : { jid }), ...more);
const code = (n: string): Element => xml('status', { code: n });
const came = (nick: string, ...children: Element[]): Element =>
  xml('presence', { from: `${ROOM}/${nick}` }, ...children);
const said = (nick: string, ...more: Element[]): Element =>
  xml(
    'message',
    { from: `${ROOM}/${nick}`, type: 'groupchat', id: 'm1' },
    xml('body', {}, '!tw status'),
    xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by: ROOM, id: 's1' }),
    ...more,
  );

/** What a server could send that Prosody never would: a room over a connection of the test. */
async function room(
  run: (x: { on: (...s: Element[]) => void; heard: string[]; sent: string[] }) => void | Promise<void>,
  features = ['muc_nonanonymous', 'urn:xmpp:sid:0'],
): Promise<void> {
  const heard: string[] = [];
  const sent: string[] = [];
  const stop = new AbortController();
  const info = features.map((f) => xml('feature', { var: f }));
  const link = {
    up: true,
    send: async (s: Element) => {
      sent.push(s.toString());
      if (s.name === 'presence') r.on(came('tradewind', item('tradewind@localhost/x', code('110'))));
      else r.on(xml('message', { ...s.attrs, from: `${ROOM}/tradewind` }, ...(s.children as Element[])));
    },
    ask: async () => xml('iq', {}, xml('query', { xmlns: 'http://jabber.org/protocol/disco#info' }, ...info)),
    drop: () => undefined,
  };
  const r: Room = new Room({
    room: ROOM,
    nick: 'tradewind',
    fleet: 'shop',
    link,
    pingMs: 60_000,
    log: () => undefined,
    heard: (_, s, bare) => heard.push(`${bare} ${s.stanzaId}`),
  });
  const running = r.run(stop.signal);
  await new Promise((go) => setTimeout(go, 20));
  await run({ on: (...all) => all.forEach((s) => r.on(s)), heard, sent });
  stop.abort();
  await running;
}

describe('a room, whatever its server lets through', () => {
  it('is entered without its past', () => room(({ sent }) => expect(sent[0]).toMatch(/maxstanzas="0"/)));

  it('is not entered again and again by who is thrown out at once', () =>
    room(async ({ on, sent }) => {
      for (let i = 0; i < 10; i++) {
        on(xml('presence', { from: `${ROOM}/tradewind`, type: 'unavailable' }, item('x@y', code('110'), code('307'))));
        await new Promise((go) => setTimeout(go, 5));
      }
      expect(sent.filter((s) => s.startsWith('<presence'))).toHaveLength(1);
    }));

  it('a person is who the newest presence says, in the order of the stream', () =>
    room(({ on, heard }) => {
      on(came('ana', item('ana@localhost/a')), said('ana'));
      on(xml('presence', { from: `${ROOM}/ana`, type: 'unavailable' }, item('ana@localhost/a')), said('ana'));
      on(came('ana', item('eve@localhost/e')), said('ana'));
      expect(heard).toEqual(['ana@localhost s1', 'undefined s1', 'eve@localhost s1']);
    }));

  it('who is said twice, or no more, is nobody', () =>
    room(({ on, heard }) => {
      on(came('eve', item('eve@localhost/e')));
      on(came('eve', item('eve@localhost/e'), item('ana@localhost/a')), said('eve'));
      on(came('eve', item('eve@localhost/e')), came('eve', item(undefined)), said('eve'));
      on(came('eve', xml('x', { xmlns: USER }, xml('item', { jid: 'a@b' }), xml('item', { jid: 'c@d' }))), said('eve'));
      expect(heard).toEqual(['undefined s1', 'undefined s1', 'undefined s1']);
    }));

  it('an id of somebody else is no id of the room, and two of them are none', () =>
    room(({ on, heard }) => {
      const id = (by: string): Element => xml('stanza-id', { xmlns: 'urn:xmpp:sid:0', by, id: 'forged' });
      on(came('eve', item('eve@localhost/e')), said('eve', id('eve@localhost')), said('eve', id(ROOM)));
      expect(heard).toEqual(['eve@localhost s1', 'eve@localhost undefined']);
    }));

  it('a room that shows addresses to moderators only is not heard, though the bot is one', () =>
    room(
      ({ on, heard, sent }) => {
        on(came('ana', item('ana@localhost/a')), said('ana'));
        expect(heard).toEqual([]);
        expect(sent.at(-1)).toContain('No line is heard in this room');
      },
      ['urn:xmpp:sid:0'],
    ));
});
