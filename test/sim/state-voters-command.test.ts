/** `tw state add-voter` as a person says it: the real verb, planner and applier over Kubernetes twins, with real agents. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Context, Io } from '../../src/commands/context.ts';
import { stateAddVoter } from '../../src/commands/state-voter.ts';
import { memoryJournal } from '../../src/kernel/index.ts';
import { Client } from './state-agent/client.ts';
import { configOf, NAMES } from './state-agent/config.ts';
import { voterWorld } from './state-agent/voters.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-add-voter-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const io = { signal: new AbortController().signal, show: () => undefined, detach: () => undefined } as unknown as Io;

it.each([
  [{ cluster: 'au' }, ['au', 'ca', 'sa']],
  [{ cluster: 'au', insteadOf: 'sa' }, ['au', 'ca']],
  [{ cluster: 'au', insteadOf: 'ca' }, ['au', 'sa']],
])('%j: a Redis there, a copy that counts, none where it left', { timeout: 60_000 }, async (args, to) => {
  const { rig, engine, redisIn, up } = voterWorld(dir, NAMES, ['ca', 'sa']);
  const client = new Client(rig, 'x');
  const journal = memoryJournal(rig.clock);
  let ended = false;
  const run = async (): Promise<void> => {
    const writing = client.run(() => ended);
    while (!rig.settled() || client.acked.length < 5) await rig.clock.sleep(50);
    await up(engine(configOf(dir, ['ca', 'sa'])));
    await up(engine(configOf(dir)));
    expect(redisIn()).toEqual(['ca', 'sa']);
    const e = engine(configOf(dir));
    const c = { clock: rig.clock, stateDir: dir, journal: () => journal, engine: async () => e } as unknown as Context;
    const done = await stateAddVoter(c, args, io);
    expect(done.data).toMatchObject({ app: 'app', add: 'au', voters: to });
    expect(redisIn()).toEqual(to);
    expect(rig.world.view('state/app/joining').entries).toEqual([]);
    expect(journal.read().map((f) => f.kind)).toContain('state.voters');
    // What is deployed is what everybody would deploy now.
    await up(engine(configOf(dir, to)));
    expect(redisIn()).toEqual(to);
    await expect(stateAddVoter(c, args, io)).rejects.toMatchObject({ problem: { code: 'TW5151' } });
    ended = true;
    await writing;
  };
  await rig.lives(run, 600_000);
  for (const p of rig.places) p.stop.abort();
  expect(rig.broken, rig.log.slice(-30).join('\n')).toBeUndefined();
});
