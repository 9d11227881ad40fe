// An object store on loopback that checks every signature by the rules of Signature Version 4, not by the client's library.
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const sha = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const xml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const SIGNED = /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/;

export class S3Server {
  readonly keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  readonly region = 'ca-central-1';
  readonly bucket = 'snapshots';
  readonly objects = new Map<string, Buffer>();
  readonly #uploads = new Map<string, Map<number, Buffer>>();
  /** How many requests fail next, with 503. */
  busy = 0;
  requests = 0;
  /** Objects of one page of a list. */
  readonly #page = 2;
  readonly #server: Server;
  #ids = 0;

  private constructor() {
    this.#server = createServer((req, res) => void this.#answer(req, res));
  }
  static async start(): Promise<S3Server> {
    const s = new S3Server();
    s.#server.listen(0, '127.0.0.1');
    await once(s.#server, 'listening');
    return s;
  }
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  /** Uploads in parts that are not complete. */
  get open(): number {
    return this.#uploads.size;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.requests += 1;
    const chunks: Buffer[] = [];
    for await (const c of req) chunks.push(c as Buffer);
    const body = Buffer.concat(chunks);
    const fail = (status: number, code: string): void =>
      void res.writeHead(status).end(`<Error><Code>${code}</Code><Message>as told</Message></Error>`);
    if (this.busy > 0) {
      this.busy -= 1;
      fail(503, 'SlowDown');
    } else if (!this.#isSigned(req, body)) fail(403, 'SignatureDoesNotMatch');
    else this.#serve({ req, res, body, fail });
  }

  /** The canonical request of S3: path and query as they were sent, names in order, the digest of the body. */
  #isSigned(req: IncomingMessage, body: Buffer): boolean {
    const found = SIGNED.exec(req.headers.authorization ?? '');
    if (found === null) return false;
    const [, scope, names, signature] = found as unknown as [string, string, string, string];
    const [path, search = ''] = String(req.url).split('?');
    const digest = sha(body);
    const headers = names.split(';').map((n) => `${n}:${String(req.headers[n])}\n`);
    const canonical = [req.method, path, search.split('&').toSorted().join('&'), headers.join(''), names, digest];
    const at = String(req.headers['x-amz-date']);
    const text = ['AWS4-HMAC-SHA256', at, scope, sha(canonical.join('\n'))].join('\n');
    const key = scope.split('/').reduce<string | Buffer>((k, t) => mac(k, t), `AWS4${this.keys.secretAccessKey}`);
    const meant = scope.endsWith(`/${this.region}/s3/aws4_request`) && names.split(';').includes('host');
    return meant && mac(key, text).toString('hex') === signature;
  }

  #serve(x: {
    req: IncomingMessage;
    res: ServerResponse;
    body: Buffer;
    fail(status: number, code: string): void;
  }): void {
    const { req, res, body, fail } = x;
    const url = new URL(req.url ?? '', this.endpoint);
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const key = rest.join('/');
    const upload = url.searchParams.get('uploadId');
    if (bucket !== this.bucket) fail(404, 'NoSuchBucket');
    else if (key === '') res.end(this.#list(url.searchParams));
    else if (url.searchParams.has('uploads')) res.end(this.#begin());
    else if (upload !== null) this.#part({ ...x, key, upload, n: Number(url.searchParams.get('partNumber')) });
    else if (req.method === 'PUT') {
      this.objects.set(key, body);
      res.end();
    } else if (req.method === 'DELETE') {
      this.objects.delete(key);
      res.writeHead(204).end();
    } else {
      const found = this.objects.get(key);
      if (found === undefined) fail(404, 'NoSuchKey');
      else res.end(found);
    }
  }
  #begin(): string {
    const id = `upload-${++this.#ids}`;
    this.#uploads.set(id, new Map());
    return `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;
  }
  #part(x: { req: IncomingMessage; res: ServerResponse; body: Buffer; key: string; upload: string; n: number }): void {
    const parts = this.#uploads.get(x.upload) ?? new Map<number, Buffer>();
    if (x.req.method === 'PUT') {
      parts.set(x.n, x.body);
      x.res.writeHead(200, { etag: `"${sha(x.body).slice(0, 8)}"` }).end();
      return;
    }
    this.#uploads.delete(x.upload);
    const named = [...x.body.toString().matchAll(/<Part>(.*?)<\/Part>/g)].map(([, p = '']) => ({
      n: Number(/<PartNumber>(\d+)</.exec(p)?.[1]),
      tag: /<ETag>(?:"|&quot;)(\w+)/.exec(p)?.[1],
    }));
    const all = named.map(({ n, tag }) => ({ part: parts.get(n) ?? Buffer.alloc(0), tag }));
    // Every part but the last has at least 5 MiB, as AWS has it.
    const small = all.length === 0 || all.slice(0, -1).some((p) => p.part.length < 5 << 20);
    const wrong = all.some((p) => sha(p.part).slice(0, 8) !== p.tag);
    if (x.req.method === 'DELETE') x.res.writeHead(204).end();
    else if (small || wrong) x.res.end('<Error><Code>EntityTooSmall</Code><Message>as told</Message></Error>');
    else {
      this.objects.set(x.key, Buffer.concat(all.map((p) => p.part)));
      x.res.end('<CompleteMultipartUploadResult/>');
    }
  }
  #list(q: URLSearchParams): string {
    const from = Number(q.get('continuation-token') ?? 0);
    const all = [...this.objects.keys()].filter((k) => k.startsWith(q.get('prefix') ?? '')).toSorted();
    const page = all.slice(from, from + this.#page).map((k) => `<Contents><Key>${xml(k)}</Key></Contents>`);
    const next =
      from + this.#page < all.length ? `<NextContinuationToken>${from + this.#page}</NextContinuationToken>` : '';
    return `<ListBucketResult>${page.join('')}${next}</ListBucketResult>`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
