// A bot in a room of a real Prosody, with persons beside it, for tests.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Ignored, Inbound } from '../../commands/index.ts';
import { type XmppOptions, xmppTransport } from '../adapters/xmpp.ts';
import type { Transport } from '../ports.ts';
import type { Prosody } from './prosody.ts';
import { Person } from './prosody-person.ts';

export const newRoom = (): string => `ops-${randomUUID().slice(0, 8)}@conference.localhost`;

/** A bot in one room of that server, not listening yet. */
export function bot(p: Prosody, room: string, o: Partial<XmppOptions> = {}): { transport: Transport; log: string[] } {
  p.account('tradewind');
  const log: string[] = [];
  const transport = xmppTransport({
    jid: 'tradewind@localhost',
    password: 'secret-of-tradewind',
    service: p.service,
    rooms: [room],
    domains: ['localhost'],
    nick: 'tradewind',
    fleet: 'shop',
    log: (line) => void log.push(line),
    ...o,
  });
  return { transport, log };
}

export interface Scene {
  room: string;
  transport: Transport;
  heard: Inbound[];
  ignored: Ignored[];
  log: string[];
  ana: Person;
  join: (name: string, o?: { host?: string; nick?: string }) => Promise<Person>;
  /** The lines that were heard, once `n` are there, and for a while after. */
  lines: (n: number) => Promise<string[]>;
  /** What the bot said last. */
  last: () => string;
}

/** A bot that listens in a room of its own, and ana, who made the room. */
export async function scene(
  p: Prosody,
  run: (s: Scene) => Promise<void>,
  o: Partial<XmppOptions> & { refuses?: boolean; before?: (ana: Person) => Promise<void> } = {},
): Promise<void> {
  const room = newRoom();
  const { refuses = false, before, ...options } = o;
  const ana = await Person.join(p, 'ana', room);
  await before?.(ana);
  const people = [ana];
  const { transport, log } = bot(p, room, options);
  const heard: Inbound[] = [];
  const ignored: Ignored[] = [];
  const stop = new AbortController();
  const submit = async (i: Inbound) => {
    if (refuses) throw new Error('full');
    heard.push(i);
    return { id: 'c', first: true };
  };
  const listens = transport.listen({ submit, ignored: (i) => void ignored.push(i) }, stop.signal);
  try {
    await ana.until(() => ana.here.has('tradewind'));
    await run({
      room,
      transport,
      heard,
      ignored,
      log,
      ana,
      join: async (name, w) => {
        const person = await Person.join(p, name, room, w);
        people.push(person);
        return person;
      },
      lines: async (n) => {
        await ana.until(() => heard.length >= n);
        await new Promise((go) => setTimeout(go, 150));
        return heard.map((h) => `${h.caller.identity.actor}: ${h.line}`);
      },
      last: () => ana.seen.findLast((m) => m.nick === 'tradewind')?.body ?? '',
    });
  } finally {
    stop.abort();
    await listens;
    await transport.close();
    for (const x of people) await x.leave();
  }
}

/** Cuts what goes through it, and lets it go again. */
export async function proxy(
  to: string,
): Promise<{ url: string; cut: () => void; deafen: () => void; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const backs = new Set<() => void>();
  const port = Number(new URL(to).port);
  const inner = createServer((from) => {
    const out = connect(port, '127.0.0.1');
    for (const s of [from, out]) {
      sockets.add(s);
      s.on('error', () => undefined);
      s.on('close', () => {
        sockets.delete(s);
        from.destroy();
        out.destroy();
      });
    }
    from.pipe(out);
    out.pipe(from);
    backs.add(() => void out.unpipe(from).resume());
  }).listen(0, '127.0.0.1');
  await once(inner, 'listening');
  const cut = (): void => {
    for (const s of sockets) s.destroy();
  };
  return {
    url: `xmpp://127.0.0.1:${(inner.address() as { port: number }).port}`,
    cut,
    deafen: () => {
      for (const back of backs) back();
      backs.clear();
    },
    close: async () => {
      cut();
      inner.close();
      await once(inner, 'close');
    },
  };
}
