import { afterEach, describe, expect, it } from 'vitest';
import type { SandboxEvent, SandboxSpec } from './model.ts';
import type { SandboxPort } from './ports.ts';
import { withSydney } from './testing/fakes.ts';

export interface Subject {
  sandbox: SandboxPort;
  spec: SandboxSpec;
  remove(): Promise<void>;
}

/** What every SandboxPort keeps, the twin and the machine alike. */
export function sandboxContract(name: string, make: () => Promise<Subject>): void {
  describe(`SandboxPort: ${name}`, () => {
    let subject: Subject | undefined;
    afterEach(async () => {
      await subject?.remove();
      subject = undefined;
    });
    const made = async (): Promise<Subject> => {
      subject = await make();
      return subject;
    };
    const events = async (s: Subject, spec = s.spec): Promise<SandboxEvent[]> => {
      const all: SandboxEvent[] = [];
      for await (const e of s.sandbox.up(spec)) all.push(e);
      return all;
    };

    it('is absent before up, and says so to everything that needs it', async () => {
      const { sandbox } = await made();
      expect(await sandbox.status()).toMatchObject({ state: 'absent', processes: [], chaos: [] });
      const calls = [
        () => sandbox.place(),
        () => sandbox.visit({ host: 'x.example' }),
        () => sandbox.chaos({ do: 'heal' }),
        () => sandbox.enter('operator'),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'TW9008' });
    });

    it('ends up with one done event and is up; the same again changes nothing', async () => {
      const s = await made();
      const first = await events(s);
      expect(first.at(-1)).toMatchObject({ step: 'sandbox', state: 'done', ms: expect.any(Number) });
      const view = await s.sandbox.status();
      expect(view).toMatchObject({ state: 'up', why: [], users: ['sao', 'mtl'], cloudTime: 600 });
      expect(view.differs.length).toBeGreaterThan(0);
      const again = await events(s);
      expect(again.map((e) => [e.step, e.state, e.detail])).toEqual([
        ['sandbox', 'note', 'already up'],
        ['sandbox', 'done', undefined],
      ]);
      expect(await s.sandbox.place()).toMatchObject({ name: 'sandbox', ownProviders: true });
      expect((await s.sandbox.enter('users:mtl')).slice(-2)).toEqual(['users-mtl', '--']);
    });

    it('takes in a place more while it runs: what ran goes on, chaos stays, new users are there', async () => {
      const s = await made();
      await events(s);
      await s.sandbox.chaos({ do: 'begin', kind: 'partition', where: 'cluster:sao' });
      const before = await s.sandbox.status();
      const more = withSydney(s.spec);
      expect((await events(s, more)).at(-1)).toMatchObject({ step: 'sandbox', state: 'done' });
      const after = await s.sandbox.status();
      expect(after).toMatchObject({ state: 'up', users: ['sao', 'mtl', 'syd'], chaos: before.chaos });
      const goesOn = before.processes.filter((p) => p.name !== 'clouds');
      expect(after.processes).toEqual(expect.arrayContaining(goesOn));
      expect((await events(s, more))[0]).toMatchObject({ state: 'note', detail: 'already up' });
    });

    it('keeps chaos until it is healed, and refuses what it does not understand as a whole', async () => {
      const s = await made();
      await events(s);
      const begun = await s.sandbox.chaos({ do: 'begin', kind: 'partition', where: 'cluster:sao' });
      expect(begun).toMatchObject({ began: [{ kind: 'partition', where: 'cluster:sao' }], healed: [] });
      expect(begun.did.length).toBeGreaterThan(0);
      const bad = s.sandbox.chaos({ do: 'begin', kind: 'link', where: 'sao..mlt', args: { loss: 500 } });
      await expect(bad).rejects.toMatchObject({
        code: 'TW9010',
        problem: { why: [expect.any(String), expect.any(String)] },
      });
      await expect(s.sandbox.chaos({ do: 'heal', what: 'kill' })).rejects.toMatchObject({ code: 'TW9010' });
      expect((await s.sandbox.status()).chaos).toEqual(begun.began);
      const healed = await s.sandbox.chaos({ do: 'heal', what: 'partition cluster:sao' });
      expect(healed.healed).toEqual(begun.began);
      expect((await s.sandbox.status()).chaos).toEqual([]);
      await s.sandbox.chaos({ do: 'begin', kind: 'kill', where: 'process:clouds' });
      expect((await s.sandbox.status()).chaos).toEqual([]);
    });

    it('refuses users and places that are not there', async () => {
      const s = await made();
      await events(s);
      await expect(s.sandbox.visit({ host: 'x.example', from: ['mars'] })).rejects.toMatchObject({ code: 'TW9010' });
      await expect(s.sandbox.enter('users:mars')).rejects.toMatchObject({ code: 'TW9010' });
    });

    it('is gone after down, twice as well', async () => {
      const s = await made();
      await events(s);
      await s.sandbox.chaos({ do: 'begin', kind: 'partition', where: 'cluster:sao' });
      expect(await s.sandbox.down({ purge: false })).toMatchObject({ left: [] });
      expect(await s.sandbox.status()).toMatchObject({ state: 'absent' });
      expect(await s.sandbox.down({ purge: false })).toMatchObject({ left: [], killed: 0 });
      await events(s);
      expect((await s.sandbox.status()).chaos).toEqual([]);
    });
  });
}
