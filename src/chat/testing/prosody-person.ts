// A person at a client of their own, for tests: what they type, and what a client shows them.
import { client, xml } from '@xmpp/client';
import type { Prosody } from './prosody.ts';

type Element = ReturnType<typeof xml>;

export interface Shown {
  nick: string;
  id: string;
  body: string;
  edits: number;
}

const MUC = 'http://jabber.org/protocol/muc';
const OWNER = 'http://jabber.org/protocol/muc#owner';

/** Things a client makes live in a text: links, addresses, host names, styling (XEP-0393), control characters. */
export function liveIn(body: string): string[] {
  // Lines to type are exact, so they may hold only what is nothing else anywhere.
  const own = body.split('\n').map((l) => l.replace(/: !tw (?!.*\.[a-z]{2})[a-z0-9 "'=,.@#-]+$/, ''));
  const links = /\b[a-z][a-z0-9+.-]*:\S|\bwww\.\S|[\w.]@\S|[a-z0-9]\.\u2060?[a-z]{2,}|:[a-z]+:/giu;
  const spans = /(?:^|[\s*_~`])([*_~`])(?![\s*_~`])[^\n]*?[^\s]\1/gu;
  const lines = /^\s*(?:>|```|\/me )/u;
  const unseen = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2061-\u2069\ufeff\ufffe\uffff]/gu;
  return own.flatMap((l) =>
    [links, spans, unseen].flatMap((r) => [...l.matchAll(r)].map((m) => m[0])).concat(lines.exec(l) ?? []),
  );
}

export class Person {
  readonly #c: ReturnType<typeof client>;
  readonly #room: string;
  #nick: string;
  #count = 0;
  #came = false;
  #last: Element | undefined;
  /** The room as a client shows it: edits are put over what they edit. */
  readonly seen: Shown[] = [];
  /** Names that came and have not gone. */
  readonly here = new Set<string>();

  private constructor(p: Prosody, o: { name: string; host: string; room: string; nick: string }) {
    this.#c = client({
      service: p.service,
      domain: o.host,
      // Quick, and for names of any letters.
      credentials: async (authenticate) => {
        const [username, password] = [o.name, `secret-of-${o.name}`].map((t) => Buffer.from(t).toString('latin1'));
        await authenticate({ username, password } as { username: string }, 'PLAIN', xml('user-agent'));
      },
    });
    this.#room = o.room;
    this.#nick = o.nick;
    this.#c.on('error', () => undefined);
    this.#c.on('stanza', (s: Element) => this.#on(s));
    this.#c.on('online', () => void this.#come().catch(() => undefined));
  }

  /** In the room, having seen everybody who is in it. */
  static async join(p: Prosody, name: string, room: string, o: { host?: string; nick?: string } = {}): Promise<Person> {
    p.account(name, o.host);
    const person = new Person(p, { name, host: o.host ?? 'localhost', room, nick: o.nick ?? name });
    await person.#c.start();
    await person.until(() => person.here.has(person.#nick));
    return person;
  }

  /** Who comes back sees what was said since. */
  async #come(): Promise<void> {
    this.here.clear();
    const past = xml('history', { maxstanzas: this.#came ? '20' : '0' });
    this.#came = true;
    await this.#c.send(xml('presence', { to: `${this.#room}/${this.#nick}` }, xml('x', { xmlns: MUC }, past)));
  }

  #on(s: Element): void {
    const nick = String(s.attrs['from']).split('/')[1] ?? '';
    if (s.name === 'presence') {
      if (s.attrs['type'] === undefined) this.here.add(nick);
      else this.here.delete(nick);
    }
    const body = s.getChildText('body');
    if (s.name !== 'message' || s.attrs['type'] !== 'groupchat' || body === null) return;
    const edited = s.getChild('replace')?.attrs['id'] as string | undefined;
    const old = this.seen.find((m) => m.id === edited && m.nick === nick);
    if (old !== undefined) Object.assign(old, { body, edits: old.edits + 1 });
    else if (!this.seen.some((m) => m.id === s.attrs['id']))
      this.seen.push({ nick, id: String(s.attrs['id']), body, edits: 0 });
  }

  async send(s: Element): Promise<void> {
    await this.#c.send(s);
  }

  /** A line in the room; `more` are children that an unusual client adds. */
  async say(body: string, ...more: Element[]): Promise<void> {
    const id = `${this.#nick}-${++this.#count}-${Date.now()}`;
    const s = xml('message', { to: this.#room, type: 'groupchat', id }, xml('body', {}, body));
    s.append(xml('origin-id', { xmlns: 'urn:xmpp:sid:0', id }));
    for (const m of more) s.append(m);
    this.#last = s;
    await this.send(s);
  }

  /** The same once more, as a client does that did not hear whether it arrived. */
  async repeat(): Promise<void> {
    if (this.#last !== undefined) await this.send(this.#last);
  }

  async rename(nick: string): Promise<void> {
    this.#nick = nick;
    await this.send(xml('presence', { to: `${this.#room}/${nick}` }));
    await this.until(() => this.here.has(nick));
  }

  /** Takes somebody out of the room; who made the room may. */
  async kick(nick: string): Promise<void> {
    const item = xml('item', { nick, role: 'none' });
    await this.#c.iqCaller.request(
      xml('iq', { type: 'set', to: this.#room }, xml('query', { xmlns: `${MUC}#admin` }, item)),
    );
  }

  /** Sets one field of the room; who made the room may. */
  async configure(field: string, value: string): Promise<void> {
    const one = (name: string, v: string): Element => xml('field', { var: name }, xml('value', {}, v));
    const form = xml(
      'x',
      { xmlns: 'jabber:x:data', type: 'submit' },
      one('FORM_TYPE', `${MUC}#roomconfig`),
      one(field, value),
    );
    await this.#c.iqCaller.request(xml('iq', { type: 'set', to: this.#room }, xml('query', { xmlns: OWNER }, form)));
  }

  async until(what: () => boolean, ms = 10_000): Promise<void> {
    const end = Date.now() + ms;
    while (!what()) {
      if (Date.now() > end) throw new Error(`not in ${ms} ms; the room:\n${this.seen.map((m) => m.body).join('\n')}`);
      await new Promise((go) => setTimeout(go, 10));
    }
  }

  async leave(): Promise<void> {
    this.#c.reconnect.stop();
    await this.#c.stop().catch(() => undefined);
  }
}
