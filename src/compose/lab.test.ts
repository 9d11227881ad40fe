import { expect, it } from 'vitest';
import { Lab } from '../chat/adapters/lab.ts';
import type { Context } from '../commands/index.ts';
import { checkConfig } from '../config/index.ts';
import { manualClock } from '../kernel/index.ts';
import { LabDoor } from './lab.ts';
import { refuseLab } from './place.ts';

const config = (more: object = {}) =>
  checkConfig(
    {
      fleet: 'shop',
      accounts: { aws: { account: '123456789012' } },
      clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
      ...more,
    },
    '/x/tradewind.yaml',
    '',
  );
const NAMED = { people: { ana: { accounts: ['lab:ana'] }, op: { accounts: ['os:op'] } }, chat: { lab: {} } };

function doorAt(place: 'sandbox' | 'real' | undefined, more: object = {}) {
  const state = { place };
  const lab = new Lab({ clock: manualClock(), newId: () => 'x' });
  const door = new LabDoor({ lab, place: () => state.place, config: async () => config(more) });
  const asked: unknown[] = [];
  const engine = async (at?: string) => void asked.push(at);
  const c = { config: async () => config(more), engine } as unknown as Context;
  return { state, door, asked, c };
}

it('without people the lab brings its own, for its own commands alone', async () => {
  const { door, c } = doorAt('sandbox');
  expect((await door.view()).persons).toEqual(['ana', 'bo', 'eve']);
  const guarded = await door.guarded(c);
  expect(Object.keys((await guarded.config()).people ?? {})).toEqual(['ana', 'bo', 'eve']);
  expect((await c.config()).people).toBeUndefined();
});

it('people of the config are never joined by others', async () => {
  const { door } = doorAt('sandbox', NAMED);
  expect((await door.view()).persons).toEqual(['ana']);
  await expect(door.say('bo', '/tw down')).rejects.toMatchObject({ code: 'TW6301' });
  const shut = doorAt('sandbox', { people: { op: { accounts: ['os:op'] } } });
  expect(await shut.door.isOpen()).toBe(false);
  await expect(shut.door.guarded(shut.c)).rejects.toMatchObject({ code: 'TW6303' });
});

it('a command of the lab gets the sandbox, whatever it asks for', async () => {
  const { door, asked, c } = doorAt('sandbox');
  const guarded = await door.guarded(c);
  await guarded.engine();
  await guarded.engine(undefined);
  expect(asked).toEqual(['sandbox', 'sandbox']);
});

it.each([
  ['real', 'real'],
  ['nowhere yet', undefined],
] as const)('TW6303 a fleet that stands %s: nothing is shown, said, pressed, switched or run', async (_, place) => {
  for (const more of [{}, NAMED]) {
    const { door, c } = doorAt(place, more);
    expect(await door.isOpen()).toBe(false);
    for (const use of [
      () => door.view(),
      () => door.say('ana', '/tw status'),
      () => door.press('ana', 'x', 'Approve'),
      () => door.set({ outage: true }),
      () => door.guarded(c),
    ])
      await expect(use()).rejects.toMatchObject({ code: 'TW6303' });
  }
});

it('TW6303 what was said before the fleet became a real one is not run any more', async () => {
  const { door, state, c } = doorAt('sandbox');
  await door.say('ana', '/tw status');
  state.place = 'real';
  await expect(door.guarded(c)).rejects.toMatchObject({ code: 'TW6303' });
});

it('TW6303 a config with a lab opens no real clouds', () => {
  expect(() => refuseLab(config(NAMED))).toThrow(/TW6303/);
  expect(() => refuseLab(config())).not.toThrow();
});
