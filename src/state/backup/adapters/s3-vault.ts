import { Readable } from 'node:stream';
import type * as sdk from '@aws-sdk/client-s3';
import { TwError } from '../../../kernel/index.ts';
import type { Vault } from '../ports.ts';

export interface S3Place {
  bucket: string;
  region: string;
  /** Of a store that is not of AWS; the bucket is the first part of its paths. */
  endpoint?: string;
  /** Throws when there are none. */
  keys(): { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** Bytes of one part; S3 takes at least 5 MiB of every part but the last, and 10,000 parts. */
const PART = 8 << 20;
const TRIES = 4;

interface Door {
  s3: typeof sdk;
  client: sdk.S3Client;
}

/** Loaded when a bucket is really asked. */
async function open(p: S3Place): Promise<Door> {
  const s3 = await import('@aws-sdk/client-s3');
  const client = new s3.S3Client({
    region: p.region,
    ...(p.endpoint === undefined ? {} : { endpoint: p.endpoint, forcePathStyle: true }),
    credentials: async () => p.keys(),
    maxAttempts: TRIES,
    // Other stores than that of AWS do not know the newer checksums; a snapshot is read back and compared anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return { s3, client };
}

/** A failure says what was asked, and the store's own word for it. */
async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (e) {
    if (e instanceof TwError || !(e instanceof Error)) throw e;
    const why = e.name === 'NoSuchKey' ? `no such object: ${e.message}` : `${e.name}: ${e.message}`;
    throw new Error(`${what}: ${why}`, { cause: e });
  }
}

/** Snapshots as objects below a prefix of a bucket. Who may read the bucket has the data of the app. */
export function s3Vault(p: S3Place, folder = ''): Vault {
  const { bucket: Bucket } = p;
  const under = folder === '' ? '' : `${folder}/`;
  const at = (name: string): string => `s3://${Bucket}/${under}${name}`;
  const asked = <T>(what: string, ask: (d: Door) => Promise<T>): Promise<T> =>
    told(what, async () => {
      const door = await open(p);
      return await ask(door).finally(() => door.client.destroy());
    });
  return {
    where: `s3://${Bucket}/${folder}`.replace(/\/$/, ''),
    put: (name, bytes) =>
      asked(`PUT ${at(name)}`, async ({ client }) => {
        const { Upload } = await import('@aws-sdk/lib-storage');
        const params = { Bucket, Key: under + name, Body: Readable.from(bytes, { objectMode: false }) };
        await new Upload({ client, params, partSize: PART, queueSize: 1 }).done();
      }),
    get: async function* (name) {
      const { s3, client } = await open(p);
      try {
        const object = new s3.GetObjectCommand({ Bucket, Key: under + name });
        const { Body = [] } = await told(`GET ${at(name)}`, () => client.send(object));
        yield* Body as AsyncIterable<Uint8Array>;
      } finally {
        client.destroy();
      }
    },
    list: (prefix) =>
      asked(`GET s3://${Bucket}/`, async ({ s3, client }) => {
        const found: string[] = [];
        const pages = s3.paginateListObjectsV2({ client }, { Bucket, Prefix: under + prefix });
        for await (const page of pages) found.push(...(page.Contents ?? []).flatMap((o) => o.Key ?? []));
        return found.map((key) => key.slice(under.length)).toSorted();
      }),
    remove: (name) =>
      asked(`DELETE ${at(name)}`, async ({ s3, client }) => {
        await client.send(new s3.DeleteObjectCommand({ Bucket, Key: under + name }));
      }),
  };
}
