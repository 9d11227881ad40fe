import { describe, expect, it } from 'vitest';
import type { Inbound } from '../commands/index.ts';
import type { CardView } from './model.ts';
import type { Desk, Transport } from './ports.ts';

/** A chat that a test drives: people on one side, the transport on the other. */
export interface Rig {
  transport: Transport;
  /** How the platform writes a person and a room; absent: U1 and C1. */
  person?: string;
  room?: string;
  /** A person of the workspace types a line. */
  type(person: string, room: string, line: string): Promise<void>;
  /** The last line once more, as the platform repeats it. */
  repeat(): Promise<void>;
  /** Words of the newest message of a room. */
  shown(room: string): string;
  count(room: string): number;
  /** What the platform made live of our messages: pings, links. */
  live(room: string): readonly string[];
  /** A person deletes our messages. */
  wipe(): void | Promise<void>;
  /** Until it is healed. */
  limit(on: boolean): void;
  end(): Promise<void>;
}

const HOSTILE = '<!channel> <@U1> @here <http://evil.example|click> [x](http://evil.example) `tick` *bold* #12 \u202e';

export const view = (more: Partial<CardView> = {}): CardView => ({
  id: 'c1',
  revision: 1,
  line: 'release guestbook@v2',
  by: 'slack:U1',
  mark: '●',
  state: 'running',
  rows: [{ mark: '✓', label: 'sao', cells: 'phase ready' }],
  more: 0,
  notes: [],
  buttons: [{ label: 'Pause', line: 'pause guestbook', kind: 'stop' }],
  ...more,
});

const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !what(); i++) await new Promise((go) => setTimeout(go, 10));
  expect(what()).toBe(true);
};

/** What every transport does. */
export function transportContract(name: string, make: () => Promise<Rig>): void {
  describe(`transport: ${name}`, () => {
    const listening = async (
      run: (rig: Rig, heard: Inbound[], fail: (n: number) => void) => Promise<void>,
    ): Promise<void> => {
      const rig = await make();
      const heard: Inbound[] = [];
      const stop = new AbortController();
      let failures = 0;
      const desk: Desk = {
        submit: async (i) => {
          if (failures-- > 0) throw new Error('the store refuses');
          heard.push(i);
          return { id: 'c1', first: true };
        },
        ignored: () => undefined,
      };
      const listens = rig.transport.listen(desk, stop.signal);
      try {
        await run(rig, heard, (n) => void (failures = n));
      } finally {
        stop.abort();
        await listens;
        await rig.transport.close();
        await rig.end();
      }
    };

    it('a line of a person comes with who, where and a key; its copy has the same key', () =>
      listening(async (rig, heard) => {
        const { person = 'U1', room = 'C1' } = rig;
        await rig.type(person, room, 'release guestbook@v2');
        await until(() => heard.length === 1);
        expect(heard[0]).toMatchObject({
          line: 'release guestbook@v2',
          room,
          caller: { identity: { actor: person } },
        });
        await rig.repeat();
        await until(() => heard.length === 2);
        const [a, b] = heard.map((h) => h.keys);
        expect(a?.some((k) => b?.includes(k))).toBe(true);
        await rig.type(person, room, 'release guestbook@v2');
        await until(() => heard.length === 3);
        expect(heard[2]?.keys.some((k) => a?.includes(k))).toBe(false);
      }));

    it('one message is posted, found and edited', async () => {
      const rig = await make();
      const { room = 'C1' } = rig;
      const ref = await rig.transport.post(room, view());
      expect(await rig.transport.find(room, 'c1')).toBe(ref);
      expect(await rig.transport.find(room, 'c2')).toBeUndefined();
      await rig.transport.update(room, ref, view({ revision: 2, state: 'done', buttons: [] }));
      expect(rig.count(room)).toBe(1);
      await expect.poll(() => rig.shown(room)).toContain('done');
      expect(rig.shown(room)).not.toContain('Pause');
      await rig.end();
    });

    it('a deleted message, a limit: the faults that the outbox knows', async () => {
      const rig = await make();
      const { room = 'C1' } = rig;
      const ref = await rig.transport.post(room, view());
      await rig.wipe();
      await expect(rig.transport.update(room, ref, view())).rejects.toMatchObject({ is: 'gone' });
      rig.limit(true);
      await expect(rig.transport.post(room, view())).rejects.toMatchObject({ is: 'later', afterMs: 1000 });
      rig.limit(false);
      await rig.transport.post(room, view());
      await rig.end();
    });

    it('hostile words stay words, also the longest', async () => {
      const rig = await make();
      const { room = 'C1' } = rig;
      const long = HOSTILE.repeat(60);
      const card = view({
        line: HOSTILE,
        state: long,
        notes: [HOSTILE, long],
        rows: Array.from({ length: 12 }, () => ({ mark: '✗', label: HOSTILE, cells: HOSTILE })),
        buttons: [{ label: long, line: `deny ${HOSTILE}`, kind: 'stop' }],
      });
      const ref = await rig.transport.post(room, card);
      await rig.transport.update(room, ref, card);
      expect(rig.live(room)).toEqual([]);
      await rig.end();
    });
  });
}
