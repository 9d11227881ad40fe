import { expect, it } from 'vitest';
import { S3Server } from '../testing/s3-server.ts';
import { s3Vault } from './adapters/s3-vault.ts';
import { vaultContract } from './vault.contract.ts';

const placeOf = (s: S3Server, more: object = {}) => ({
  bucket: s.bucket,
  region: s.region,
  endpoint: s.endpoint,
  keys: () => s.keys,
  ...more,
});
async function* bytes(...all: (string | Buffer)[]): AsyncIterable<Uint8Array> {
  for (const b of all) yield Buffer.from(b);
}
async function withServer(work: (s: S3Server) => Promise<void>): Promise<void> {
  const s = await S3Server.start();
  try {
    await work(s);
  } finally {
    await s.close();
  }
}

vaultContract('s3', async () => {
  const s = await S3Server.start();
  return { vault: s3Vault(placeOf(s), 'fleets/demo'), close: () => s.close() };
});

it('what is larger than a part comes in parts, and is there whole or not at all', () =>
  withServer(async (s) => {
    const vault = s3Vault(placeOf(s));
    const piece = Buffer.alloc(3 << 20, 'x');
    await vault.put('f/a/large.rdb', bytes(...Array.from({ length: 7 }, () => piece), 'end'));
    expect(s.objects.get('f/a/large.rdb')?.length).toBe(7 * (3 << 20) + 3);
    const before = s.objects.size;
    async function* broken(): AsyncIterable<Uint8Array> {
      for (let i = 0; i < 5; i++) yield piece;
      throw new Error('the copy went away');
    }
    await expect(vault.put('f/a/other.rdb', broken())).rejects.toThrow('went away');
    // Parts that nobody completes are paid for.
    expect([s.objects.size, s.open]).toEqual([before, 0]);
  }));

it('names are escaped as they are signed', () =>
  withServer(async (s) => {
    const vault = s3Vault(placeOf(s), "it's (a) *folder*");
    const name = 'f/a+b & c=d/ü~1.json';
    await vault.put(name, bytes('1'));
    expect([...s.objects.keys()]).toEqual([`it's (a) *folder*/${name}`]);
    expect(await vault.list('f/a+b & c')).toEqual([name]);
    expect(vault.where).toBe("s3://snapshots/it's (a) *folder*");
  }));

it('a store that is busy is asked again; wrong keys and a bucket that is not there are said at once', () =>
  withServer(async (s) => {
    s.busy = 2;
    await s3Vault(placeOf(s)).put('x', bytes('1'));
    expect(s.objects.get('x')?.toString()).toBe('1');
    const asked = s.requests;
    const wrong = placeOf(s, { keys: () => ({ ...s.keys, secretAccessKey: 'another' }) });
    await expect(s3Vault(wrong).list('')).rejects.toThrow('GET s3://snapshots/: SignatureDoesNotMatch: as told');
    const none = placeOf(s, { bucket: 'none' });
    await expect(s3Vault(none).list('')).rejects.toThrow('GET s3://none/: NoSuchBucket');
    expect(s.requests - asked).toBe(2);
  }));
