// Files of a container, through the API server.
import type { KubeApi } from '../../../fleet/index.ts';

export interface PodAt {
  api: Pick<KubeApi, 'exec' | 'forward'>;
  namespace: string;
  name: string;
  container: string;
}

/** Runs a command; its output. Throws with what it said when it fails. */
export async function runIn(
  at: PodAt,
  argv: readonly string[],
  o: { stdin?: AsyncIterable<Uint8Array>; signal?: AbortSignal } = {},
): Promise<string> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const code = await at.api.exec(
    { namespace: at.namespace, name: at.name, container: at.container },
    {
      argv,
      ...(o.stdin === undefined ? {} : { stdin: o.stdin }),
      stdout: (chunk) => void out.push(Buffer.from(chunk)),
      stderr: (chunk) => void err.push(Buffer.from(chunk)),
      signal: o.signal ?? new AbortController().signal,
    },
  );
  const said = Buffer.concat(out).toString();
  if (code === 0) return said;
  const lines = `${said}\n${Buffer.concat(err).toString()}`.trim().split('\n');
  throw new Error(`${argv[0]} ended with ${code}: ${lines.slice(-3).join(' ')}`);
}

/** Writes a file of known size. `head` ends by itself: not every API server says that stdin has ended. */
export async function writeIn(at: PodAt, path: string, bytes: AsyncIterable<Uint8Array>, size: number): Promise<void> {
  await runIn(at, ['sh', '-c', `umask 077; head -c ${size} > ${path}`], { stdin: bytes });
  const there = (await runIn(at, ['sh', '-c', `wc -c < ${path}`])).trim();
  if (there !== `${size}`) throw new Error(`${there} of ${size} bytes arrived in ${at.name}`);
}

/** The bytes of a file. */
export async function* readIn(at: PodAt, path: string): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let wake: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  let end: { code: number } | { error: unknown } | undefined;
  const stop = new AbortController();
  const told = (x: typeof end): void => {
    end = x;
    wake.resolve();
  };
  at.api
    .exec(
      { namespace: at.namespace, name: at.name, container: at.container },
      {
        argv: ['cat', path],
        stdout: (chunk) => {
          chunks.push(Buffer.from(chunk));
          wake.resolve();
        },
        stderr: () => undefined,
        signal: stop.signal,
      },
    )
    .then((code) => told({ code }))
    .catch((error: unknown) => told({ error }));
  try {
    for (;;) {
      yield* chunks.splice(0);
      if (end !== undefined && chunks.length === 0) break;
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  } finally {
    stop.abort();
  }
  if ('error' in end) throw end.error;
  if (end.code !== 0) throw new Error(`cat ${path} ended with ${end.code}`);
}
