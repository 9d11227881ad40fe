import { homedir } from 'node:os';
import { expect, it } from 'vitest';
import { vaultOf } from './state-backup.ts';
import type { SharedApp, StateWiring } from './state-deploy.ts';

const w = { stateDir: '/project/.tradewind', config: { file: '/project/tw.yaml' } } as StateWiring;
const app = (to?: string) =>
  ({
    name: 'book',
    state: { mode: 'single-writer', ...(to === undefined ? {} : { backup: { every: 1, to } }) },
  }) as SharedApp;

it.each([
  [undefined, '/project/.tradewind/backups'],
  ['file:backups', '/project/backups'],
  ['file:../elsewhere', '/elsewhere'],
  ['file:/var/backups/tw', '/var/backups/tw'],
  ['file:///var/backups/tw', '/var/backups/tw'],
  ['file:~/tw', `${homedir()}/tw`],
])('snapshots of `to: %s` lie in %s', (to, where) => {
  expect(vaultOf(w, app(to)).where).toBe(where);
});
