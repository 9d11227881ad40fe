import { xml } from '@xmpp/client';

export type Element = ReturnType<typeof xml>;

export const NS = {
  muc: 'http://jabber.org/protocol/muc',
  user: 'http://jabber.org/protocol/muc#user',
  info: 'http://jabber.org/protocol/disco#info',
  ping: 'urn:xmpp:ping',
  delay: 'urn:xmpp:delay',
  sid: 'urn:xmpp:sid:0',
  replace: 'urn:xmpp:message-correct:0',
  styling: 'urn:xmpp:styling:0',
  fleet: 'urn:tradewind:fleet:0',
};

/** Into a room without its past; other control planes there see of which fleet this one is. */
export const joinStanza = (room: string, nick: string, fleet: string): Element =>
  xml(
    'presence',
    { to: `${room}/${nick}` },
    xml('x', { xmlns: NS.muc }, xml('history', { maxchars: '0', maxstanzas: '0' })),
    xml('fleet', { xmlns: NS.fleet, name: fleet }),
  );

export const leaveStanza = (room: string, nick: string): Element =>
  xml('presence', { to: `${room}/${nick}`, type: 'unavailable' });

/** `replaces` is always the first id of a message, also at its tenth edit. */
export function sayStanza(room: string, id: string, body: string, replaces?: string): Element {
  return xml(
    'message',
    { to: room, type: 'groupchat', id },
    xml('body', {}, body),
    xml('origin-id', { xmlns: NS.sid, id }),
    xml('unstyled', { xmlns: NS.styling }),
    ...(replaces === undefined ? [] : [xml('replace', { xmlns: NS.replace, id: replaces })]),
  );
}

export const pingStanza = (to: string): Element => xml('iq', { type: 'get', to }, xml('ping', { xmlns: NS.ping }));
export const infoStanza = (to: string): Element => xml('iq', { type: 'get', to }, xml('query', { xmlns: NS.info }));

/** `room@host/nick` as its two parts; the nick may hold slashes. */
export function partsOf(from: string | undefined): { bare: string; nick: string } {
  const [bare = '', ...nick] = (from ?? '').split('/');
  return { bare, nick: nick.join('/') };
}

/** Defined condition of an error, such as `forbidden`, and whether the same may pass later. */
export function errorOf(s: Element): { condition: string; wait: boolean } {
  const error = s.getChild('error');
  const [first] = error?.getChildElements() ?? [];
  return { condition: first?.name ?? 'undefined-condition', wait: error?.attrs['type'] === 'wait' };
}

export interface Presence {
  nick: string;
  here: boolean;
  /** Bare address; undefined where the room hides it, or says it more than once. */
  bare: string | undefined;
  /** The next name of who was renamed. */
  renamed: string | undefined;
  /** Fleet of a control plane. */
  fleet: string | undefined;
  codes: readonly string[];
}

/** The one child of that name; more than one say nothing. */
const only = (s: Element | undefined, name: string, ns?: string): Element | undefined => {
  const found = s?.getChildren(name, ns) ?? [];
  return found.length === 1 ? found[0] : undefined;
};

const FLEET = /^[a-z][a-z0-9-]{0,39}$/;

function fleetIn(s: Element): string | undefined {
  const name = String(only(s, 'fleet', NS.fleet)?.attrs['name']);
  return s.getChild('fleet', NS.fleet) !== undefined && FLEET.test(name) ? name : undefined;
}

/** Who came or went. What a person puts into their own presence beside the word of the room makes it say nothing. */
export function presenceOf(s: Element): Presence {
  const x = only(s, 'x', NS.user);
  const { jid, nick } = (only(x, 'item')?.attrs ?? {}) as { jid?: string; nick?: string };
  const codes = (x?.getChildren('status') ?? []).map((c) => String(c.attrs['code']));
  return {
    nick: partsOf(s.attrs['from'] as string).nick,
    here: s.attrs['type'] === undefined,
    bare: jid === undefined ? undefined : partsOf(jid).bare,
    renamed: codes.includes('303') ? nick : undefined,
    fleet: fleetIn(s),
    codes,
  };
}

export interface Said {
  body: string;
  edit: boolean;
  /** Id that the room gave (XEP-0359); undefined where it gives none. */
  stanzaId: string | undefined;
  /** Id that the sender's client gave, the same when it sends once more. */
  originId: string | undefined;
  /** Who held the message back, and since when. */
  delays: readonly { by: string; at: number }[];
}

export function saidIn(s: Element): Said {
  const { bare: room } = partsOf(s.attrs['from'] as string);
  const given = s.getChildren('stanza-id', NS.sid).filter((e) => e.attrs['by'] === room);
  return {
    body: s.getChildText('body') ?? '',
    edit: s.getChild('replace', NS.replace) !== undefined,
    stanzaId: given.length === 1 ? (given[0]?.attrs['id'] as string) : undefined,
    originId: s.getChild('origin-id', NS.sid)?.attrs['id'] as string | undefined,
    delays: s.getChildren('delay', NS.delay).map((d) => ({
      by: String(d.attrs['from'] ?? ''),
      at: Date.parse(String(d.attrs['stamp'])),
    })),
  };
}
