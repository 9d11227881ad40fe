import { describe, expect, it } from 'vitest';
import type { Inbound } from '../commands/index.ts';
import { quickClock } from '../release/fixtures.ts';
import { Lab } from './adapters/lab.ts';
import { type Rig, transportContract, view } from './transport.contract.ts';

let boots = 0;
const labOf = (): Lab => new Lab({ clock: quickClock(), newId: () => `boot${(boots += 1)}` });

transportContract('lab', async (): Promise<Rig> => {
  const lab = labOf();
  let n = 0;
  let last: () => Promise<void> = async () => undefined;
  return {
    transport: lab,
    person: 'ana',
    room: 'ops',
    type: async (person, room, line) => {
      const key = `k${++n}`;
      last = () => lab.type(person, room, line, { key, typedAt: 0 });
      await last();
    },
    repeat: () => last(),
    shown: (room) => lab.texts(room).at(-1) ?? '',
    count: (room) => lab.texts(room).length,
    live: () => [],
    wipe: () => void lab.messages.splice(0),
    limit: (on) => lab.set({ limited: on }),
    end: async () => undefined,
  };
});

interface Heard {
  lab: Lab;
  heard: Inbound[];
  /** So many lines are not kept. */
  refuse: (n: number) => void;
  until: (what: () => boolean) => Promise<void>;
}

async function heardBy(run: (x: Heard) => Promise<void>): Promise<void> {
  const lab = labOf();
  const heard: Inbound[] = [];
  const stop = new AbortController();
  let refused = 0;
  const submit = async (i: Inbound) => {
    if (refused-- > 0) throw new Error('full');
    heard.push(i);
    return { id: 'c', first: true };
  };
  const listens = lab.listen({ submit, ignored: () => undefined }, stop.signal);
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !what(); i++) await new Promise((go) => setTimeout(go, 5));
    expect(what()).toBe(true);
  };
  try {
    await run({ lab, heard, until, refuse: (n) => void (refused = n) });
  } finally {
    stop.abort();
    await listens;
    await lab.close();
  }
}
const lines = (heard: readonly Inbound[]): string[] => heard.map((h) => h.line);
const soon = (): Promise<void> => new Promise((go) => setTimeout(go, 60));

describe('lab', () => {
  it('what begins with /tw is a command; the rest is talk', () =>
    heardBy(async ({ lab, heard, until }) => {
      for (const text of ['good morning', '/two', '  /tw status', '/tw status', '/tw']) lab.say('ana', text);
      await until(() => heard.length === 2);
      expect(lines(heard)).toEqual(['status', '']);
      expect(lab.view(['ana']).entries.map((e) => (e.is === 'line' ? e.state : 'card'))).toEqual([
        'talk',
        'talk',
        'talk',
        'taken',
        'taken',
      ]);
    }));

  it('an outage: lines wait and keep the moment they were typed, writes fail', () =>
    heardBy(async ({ lab, heard, until }) => {
      lab.set({ outage: true });
      lab.say('ana', '/tw freeze because "x"');
      await soon();
      const [entry] = lab.view([]).entries;
      expect([heard.length, entry?.is === 'line' && entry.state]).toEqual([0, 'waits']);
      await expect(lab.post('ops', view())).rejects.toMatchObject({ is: 'later', afterMs: 0 });
      await expect(lab.find('ops', 'c1')).rejects.toMatchObject({ is: 'later' });
      expect(lab.view([]).refused).toBe(2);
      lab.set({ outage: false });
      await until(() => heard.length === 1);
      expect(heard[0]?.typedAt).toBe(entry?.at);
      await lab.post('ops', view());
      expect(lab.view([]).refused).toBe(0);
    }));

  it('slow: what comes in and what goes out takes 5 s, until it is switched off', () =>
    heardBy(async ({ lab, heard, until }) => {
      lab.set({ slow: true });
      const since = performance.now();
      lab.say('ana', '/tw status');
      await lab.post('ops', view());
      await until(() => heard.length === 1);
      // 5 s of a clock that runs fifty times faster.
      expect(performance.now() - since).toBeGreaterThan(95);
      const late = lab.post('ops', view());
      lab.set({ slow: false });
      const healed = performance.now();
      await late;
      expect(performance.now() - healed).toBeLessThan(80);
    }));

  it('a line that is delivered twice has one key; two lines have two, also of two processes', () =>
    heardBy(async ({ lab, heard, until }) => {
      lab.set({ duplicate: true });
      lab.say('ana', '/tw status');
      await until(() => heard.length === 2);
      expect(heard[0]?.keys).toEqual(heard[1]?.keys);
      lab.set({ duplicate: false });
      lab.say('ana', '/tw status');
      await until(() => heard.length === 3);
      await heardBy(async (other) => {
        other.lab.say('ana', '/tw status');
        await other.until(() => other.heard.length === 1);
        expect(new Set([...heard, ...other.heard].flatMap((h) => h.keys)).size).toBe(3);
      });
    }));

  it('of two lines the second is delivered first; a lone one waits and goes', () =>
    heardBy(async ({ lab, heard, until }) => {
      lab.set({ reorder: true });
      lab.say('ana', '/tw first');
      lab.say('bo', '/tw second');
      await until(() => heard.length === 2);
      lab.say('ana', '/tw alone');
      await until(() => heard.length === 3);
      expect(lines(heard)).toEqual(['second', 'first', 'alone']);
    }));

  it('what was not kept comes again', () =>
    heardBy(async ({ lab, heard, until, refuse }) => {
      refuse(3);
      lab.say('ana', '/tw status');
      await until(() => heard.length === 1);
    }));

  it('a button types its line for whoever presses it; one that is gone types nothing', () =>
    heardBy(async ({ lab, heard, until }) => {
      const ref = await lab.post('ops', view());
      lab.press('bo', ref, 'Pause');
      await until(() => heard.length === 1);
      expect(heard[0]).toMatchObject({
        line: 'pause guestbook',
        caller: { identity: { platform: 'lab', actor: 'bo' } },
      });
      await lab.update('ops', ref, view({ revision: 2, buttons: [] }));
      expect(() => lab.press('bo', ref, 'Pause')).toThrow(/TW8026/);
      const card = lab.view([]).entries.find((e) => e.is === 'card');
      expect(card).toMatchObject({ edits: 1, card: { revision: 2 } });
    }));

  it('the room forgets what is old, not what is edited', () =>
    heardBy(async ({ lab }) => {
      const ref = await lab.post('ops', view({ id: 'first' }));
      for (let i = 0; i < 80; i++) lab.say('ana', `talk ${i}`);
      expect(lab.view([]).entries).toHaveLength(60);
      await lab.update('ops', ref, view({ id: 'first', revision: 2 }));
    }));
});
