import { homedir } from 'node:os';
import { expect, it } from 'vitest';
import { systemClock } from '../kernel/index.ts';
import { S3Server } from '../state/testing/s3-server.ts';
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

it.each([
  ['s3://backups', 's3://backups'],
  ['s3://backups/', 's3://backups'],
  ['s3://backups/fleets/demo/', 's3://backups/fleets/demo'],
])('snapshots of `to: %s` lie in %s', (to, where) => {
  expect(vaultOf(w, app(to)).where).toBe(where);
});

it('a bucket is asked with the keys, the region and the address of the environment', async () => {
  const s = await S3Server.start();
  const env = {
    AWS_ACCESS_KEY_ID: s.keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s.keys.secretAccessKey,
    AWS_REGION: s.region,
    AWS_ENDPOINT_URL_S3: s.endpoint,
  };
  try {
    const vault = vaultOf({ ...w, clock: systemClock }, app(`s3://${s.bucket}/demo`), env);
    async function* bytes(): AsyncIterable<Uint8Array> {
      yield Buffer.from('{}');
    }
    await vault.put('f/book/1.json', bytes());
    expect([...s.objects.keys()]).toEqual(['demo/f/book/1.json']);
    const { AWS_ACCESS_KEY_ID: _, ...without } = env;
    const nowhere = { ...without, AWS_SHARED_CREDENTIALS_FILE: '/none' };
    const keyless = vaultOf({ ...w, clock: systemClock }, app(`s3://${s.bucket}/demo`), nowhere);
    await expect(keyless.list('')).rejects.toMatchObject({ problem: { code: 'TW2201' } });
  } finally {
    await s.close();
  }
});
