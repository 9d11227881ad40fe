import { once } from 'node:events';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Card } from '../../commands/index.ts';
import { memoryStore, systemClock } from '../../kernel/index.ts';
import { Outbox } from '../outbox.ts';
import { noProsody, Prosody } from '../testing/prosody.ts';
import type { Person } from '../testing/prosody-person.ts';
import { bot, newRoom, proxy, scene } from '../testing/prosody-scene.ts';
import { view } from '../transport.contract.ts';
import type { XmppOptions } from './xmpp.ts';

const skip = noProsody();
const server = new Prosody();
beforeAll(async () => {
  if (!skip) await server.start();
});
afterAll(() => server.stop());

/** First lines of what the room shows, as they read. */
const headsOf = (p: Person): (string | undefined)[] =>
  p.seen.map((m) => m.body.replaceAll('\u2060', '').split('\n')[0]);

describe.skipIf(skip)('xmpp: cards (needs prosody)', () => {
  it('a card is edited while it is the last; after that it comes again and the old one says so', () =>
    scene(server, async ({ transport, room, ana, last }) => {
      const first = await transport.post(room, view({ id: 'a' }));
      await transport.update(room, first, view({ id: 'a', revision: 2, state: 'queued' }));
      await transport.update(room, first, view({ id: 'a', revision: 3 }));
      await ana.until(() => ana.seen.some((m) => m.edits === 2));
      await transport.post(room, view({ id: 'b', line: 'status' }));
      const tick = view({ id: 'a', revision: 4, rows: [{ mark: '✓', label: 'sao', cells: 'weight 5' }] });
      await expect(transport.update(room, first, tick)).rejects.toMatchObject({ is: 'later' });
      const done = view({ id: 'a', revision: 5, state: 'done' });
      await expect(transport.update(room, first, done)).rejects.toMatchObject({ is: 'gone' });
      const second = await transport.post(room, done);
      expect(await transport.find(room, 'a')).toBe(second);
      await ana.until(() => last().includes(': done'));
      expect(headsOf(ana)).toEqual([
        '● release guestbook@v2: goes on below ↓',
        '● status (slack:U1): running',
        '(goes on from above; what stands there is old)',
      ]);
    }));

  it('a process after this one edits nothing of it: the card comes again and says so', () =>
    scene(server, async ({ transport, room, ana, last }) => {
      const ref = await transport.post(room, view());
      await transport.close();
      await ana.until(() => !ana.here.has('tradewind'));
      const { transport: next } = bot(server, room);
      try {
        const done = view({ revision: 2, state: 'done' });
        expect(await next.find(room, 'c1')).toBeUndefined();
        await expect(next.update(room, ref, done)).rejects.toMatchObject({ is: 'gone' });
        await next.post(room, done);
        await ana.until(() => last().startsWith('(goes on from above'));
        expect(ana.seen.map((m) => m.edits)).toEqual([0, 0]);
      } finally {
        await next.close();
      }
    }));

  it('a card that the room has and the bot never saw there, because the server died: the next one says so', async () => {
    const own = new Prosody();
    await own.start();
    const wire = await proxy(own.service);
    try {
      await scene(
        own,
        async ({ transport, room, ana }) => {
          // It is in the room; from now on it hears nothing of what it says.
          await transport.find(room, 'c1');
          wire.deafen();
          const box = new Outbox({ store: memoryStore(), clock: systemClock, transport, onDead: () => undefined });
          const stop = new AbortController();
          const running = box.run(stop.signal);
          const from = { door: 'xmpp', room, line: 'release', by: 'x', behind: 0, at: Date.now() };
          box.put({ id: 'c1', state: 'running', ...from });
          await ana.until(() => ana.seen.some((m) => m.body.includes('running')));
          await own.kill();
          wire.cut();
          box.put({ id: 'c1', state: 'ended', exit: 0, ...from });
          await own.start();
          await ana.until(() => ana.seen.some((m) => m.body.includes('): done')), 20_000);
          expect(headsOf(ana).at(-1)).toContain('goes on from above');
          stop.abort();
          await running;
        },
        { service: wire.url },
      );
    } finally {
      await wire.close();
      await own.stop();
    }
  }, 60_000);

  it('a connection that breaks for a moment loses nothing: the same stream, what was typed meanwhile is heard', async () => {
    const wire = await proxy(server.service);
    await scene(
      server,
      async ({ transport, room, ana, lines, log }) => {
        const ref = await transport.post(room, view());
        await new Promise((go) => setTimeout(go, 300));
        wire.cut();
        await ana.say('!tw status');
        await transport.update(room, ref, view({ revision: 2, state: 'done' }));
        expect(await lines(1), log.join('\n')).toEqual(['ana@localhost: status']);
        expect(headsOf(ana)).toEqual(['● release guestbook@v2 (slack:U1): done', '!tw status']);
      },
      { service: wire.url },
    ).finally(() => wire.close());
  });

  it('a room that forgot the bot without a word is entered again', () =>
    scene(
      server,
      async ({ ana, lines, last }) => {
        await ana.say('forget tradewind');
        await ana.until(() => last().startsWith('I was away from'));
        await ana.say('!tw status');
        expect(await lines(1)).toEqual(['ana@localhost: status']);
      },
      { pingMs: 200 },
    ));

  it('the server dies in the middle: back with the gap told, the card right within 5 s', async () => {
    const p = new Prosody();
    await p.start();
    await scene(p, async ({ transport, room, ana, lines, last }) => {
      const box = new Outbox({ store: memoryStore(), clock: systemClock, transport, onDead: () => undefined });
      const stop = new AbortController();
      const running = box.run(stop.signal);
      const card: Card = {
        id: 'c1',
        door: 'xmpp',
        room,
        line: 'release guestbook@v2',
        by: 'xmpp:ana@localhost',
        state: 'running',
        behind: 0,
        at: Date.now(),
      };
      box.put(card);
      await ana.until(() => last().includes('running'));
      const from = Date.now();
      await p.kill();
      box.put({ ...card, state: 'ended', exit: 0 });
      await new Promise((go) => setTimeout(go, 2500));
      await p.start();
      const to = Date.now();
      await ana.until(() => ana.seen.some((m) => m.body.includes('): done')), 15_000);
      await ana.until(() => box.behind === 0);
      expect(Date.now() - to).toBeLessThan(5000);
      await ana.until(() => ana.seen.some((m) => m.body.startsWith('I was away')));
      const told = ana.seen.find((m) => m.body.startsWith('I was away'))?.body ?? '';
      const day = new Date(from).toISOString().slice(0, 11);
      const [a = 0, b = 0] = [...told.matchAll(/\d\d:\d\d:\d\d/g)].map((m) => Date.parse(`${day}${m[0]}Z`));
      expect(a).toBeLessThanOrEqual(from);
      expect(b).toBeGreaterThanOrEqual(to - 1000);
      await ana.say('!tw status');
      expect(await lines(1)).toEqual(['ana@localhost: status']);
      stop.abort();
      await running;
    }).finally(() => p.stop());
  }, 60_000);
});

describe.skipIf(skip)('xmpp: the connection (needs prosody)', () => {
  const listens = async (o: Partial<XmppOptions>, p = server): Promise<string> => {
    const { transport } = bot(p, newRoom(), o);
    try {
      return await transport
        .listen({ submit: async () => ({ id: '', first: true }), ignored: () => undefined }, AbortSignal.timeout(1500))
        .then(
          () => 'listens',
          (e: unknown) => String(e),
        );
    } finally {
      await transport.close();
    }
  };

  it('a wrong password and a server that is not there are told at once', async () => {
    expect(await listens({ password: 'wrong' })).toContain('not-authorized');
    expect(await listens({ service: 'xmpp://127.0.0.1:1' })).toContain('ECONNREFUSED');
  });

  it('TLS with a certificate of the domain, or not at all', async () => {
    const p = new Prosody({ tls: true });
    const before = getCACertificates('default');
    try {
      await p.start();
      expect(await listens({}, p)).toMatch(/unable to verify|self-signed|UNABLE/i);
      expect(await listens({ service: p.direct }, p)).toMatch(/unable to verify|self-signed|UNABLE/i);
      setDefaultCACertificates([...before, p.ca]);
      expect(await listens({}, p)).toBe('listens');
      expect(await listens({ service: p.direct }, p)).toBe('listens');
      for (const service of [p.service, p.direct])
        expect(await listens({ service, jid: 'tradewind@foreign.test' }, p)).toMatch(/altnames|does not match/);
    } finally {
      setDefaultCACertificates(before);
      await p.stop();
    }
  });

  it('a password is never sent in plain text to another machine', async () => {
    let got = '';
    const fake = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (d) => {
        got += d.toString();
        if (!got.includes('<stream:stream')) return;
        socket.write(
          `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='localhost' version='1.0'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>`,
        );
      });
    }).listen(0);
    await once(fake, 'listening');
    const { port } = fake.address() as { port: number };
    expect(await listens({ service: `xmpp://${hostname()}:${port}` })).toContain('offers no TLS');
    expect(got).toContain('<stream:stream');
    expect(got).not.toContain('<auth');
    fake.close();
  });

  it('rooms that the config does not name are not spoken in', async () => {
    const { transport } = bot(server, newRoom());
    await expect(transport.post('other@conference.localhost', view())).rejects.toMatchObject({ is: 'never' });
    await transport.close();
  });
});
