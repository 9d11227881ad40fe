import type { Vault } from '../ports.ts';
import { elements, type S3Place, s3 } from './s3-call.ts';

/** Bytes of one part; S3 takes at least 5 MiB of every part but the last, and 10,000 parts. */
const PART = 8 << 20;

/** Pieces of `PART` bytes; the last one is shorter, and there is always one. */
async function* parts(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    held.push(Buffer.from(chunk));
    size += chunk.length;
    while (size > PART) {
      const all = Buffer.concat(held);
      yield { bytes: all.subarray(0, PART), last: false };
      held = [all.subarray(PART)];
      size -= PART;
    }
  }
  yield { bytes: Buffer.concat(held), last: true };
}

/** One object in several parts: it is there whole once it is completed, and what broke off is thrown away. */
class Upload {
  readonly #p: S3Place;
  readonly #key: string;
  readonly #id: string;
  readonly #tags: string[] = [];

  private constructor(p: S3Place, key: string, id: string) {
    this.#p = p;
    this.#key = key;
    this.#id = id;
  }
  static async begin(p: S3Place, key: string): Promise<Upload> {
    const text = await (await s3(p, { method: 'POST', key, query: { uploads: '' } })).text();
    const [id] = elements(text, 'UploadId');
    if (id === undefined) throw new Error(`s3://${p.bucket}/${key}: an upload without a name`);
    return new Upload(p, key, id);
  }
  async add(body: Buffer): Promise<void> {
    const query = { partNumber: `${this.#tags.length + 1}`, uploadId: this.#id };
    const r = await s3(this.#p, { method: 'PUT', key: this.#key, query, body });
    this.#tags.push(r.headers.get('etag') ?? '');
  }
  async end(): Promise<void> {
    const list = this.#tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`);
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`);
    const r = await s3(this.#p, { method: 'POST', key: this.#key, query: { uploadId: this.#id }, body });
    // An error may come after the head of an answer that was fine.
    const text = await r.text();
    if (text.includes('<Error>')) throw new Error(`s3://${this.#p.bucket}/${this.#key}: ${elements(text, 'Code')[0]}`);
  }
  async abort(): Promise<void> {
    await s3(this.#p, { method: 'DELETE', key: this.#key, query: { uploadId: this.#id } }).catch(() => undefined);
  }
}

async function put(p: S3Place, key: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  let upload: Upload | undefined;
  try {
    for await (const part of parts(bytes)) {
      if (upload === undefined && part.last) await s3(p, { method: 'PUT', key, body: part.bytes });
      else await (upload ??= await Upload.begin(p, key)).add(part.bytes);
    }
    await upload?.end();
  } catch (e) {
    await upload?.abort();
    throw e;
  }
}

async function* get(p: S3Place, key: string): AsyncGenerator<Uint8Array> {
  const r = await s3(p, { method: 'GET', key });
  if (r.status === 404 || r.body === null) throw new Error(`no file s3://${p.bucket}/${key}`);
  yield* r.body;
}

async function list(p: S3Place, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (let token: string | undefined; ; ) {
    const more: Record<string, string> = token === undefined ? {} : { 'continuation-token': token };
    const r = await s3(p, { method: 'GET', key: '', query: { 'list-type': '2', prefix, ...more } });
    const text = await r.text();
    found.push(...elements(text, 'Key'));
    [token] = elements(text, 'NextContinuationToken');
    if (token === undefined) return found;
  }
}

/** Snapshots as objects below a prefix of a bucket. Who may read the bucket has the data of the app. */
export function s3Vault(p: S3Place, folder = ''): Vault {
  const under = folder === '' ? '' : `${folder}/`;
  return {
    where: `s3://${p.bucket}/${folder}`.replace(/\/$/, ''),
    put: async (name, bytes) => await put(p, under + name, bytes),
    get: (name) => get(p, under + name),
    list: async (prefix) => (await list(p, under + prefix)).map((key) => key.slice(under.length)).toSorted(),
    remove: async (name) => void (await s3(p, { method: 'DELETE', key: under + name })),
  };
}
