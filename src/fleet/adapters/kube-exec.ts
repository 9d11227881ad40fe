import { Readable, Writable } from 'node:stream';
import { Exec, type V1Status } from '@kubernetes/client-node';
import type { PodRef } from '../model.ts';
import { type ExecOptions, KubeError } from '../ports.ts';
import type { Session } from './kube-session.ts';

function sink(write: (chunk: Uint8Array) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      write(chunk);
      done();
    },
  });
}

/** Exit code from the Status the server sends last; anything but an exit code is a KubeError. */
function codeOf(status: V1Status): number {
  if (status.status === 'Success') return 0;
  const code = status.details?.causes?.find((c) => c.reason === 'ExitCode')?.message;
  if (code !== undefined) return Number(code);
  throw new KubeError(
    status.code ?? 500,
    status.reason ?? 'InternalError',
    status.message ?? 'the command did not run',
  );
}

interface Socket {
  close(): void;
  on(event: 'close', listener: (code: number, reason: Buffer) => void): unknown;
}

/** Runs a command in a pod over the WebSocket of the official client (v5, then v4). Throws KubeError. */
export async function execInPod(session: Session, pod: PodRef, x: ExecOptions): Promise<number> {
  const stdin = x.stdin === undefined ? null : Readable.from(x.stdin);
  const { promise, resolve, reject } = Promise.withResolvers<V1Status>();
  const run = new Exec(await session.config()).exec(
    pod.namespace,
    pod.name,
    pod.container ?? '',
    [...x.argv],
    sink((c) => x.stdout(c)),
    sink((c) => x.stderr(c)),
    stdin,
    x.tty ?? false,
    resolve,
  );
  const socket = await run.catch((e: unknown) => {
    throw new KubeError(
      0,
      'Unreachable',
      e instanceof Error || hasMessage(e) ? e.message : 'no connection to the pod',
      { cause: e },
    );
  });
  const open = socket as unknown as Socket;
  open.on('close', (code, reason) =>
    reject(new KubeError(0, 'Unreachable', `the connection ended (${code}) ${reason.toString()}`.trim())),
  );
  const stop = (): void => open.close();
  x.signal.addEventListener('abort', stop, { once: true });
  try {
    return codeOf(await promise);
  } finally {
    x.signal.removeEventListener('abort', stop);
    open.close();
  }
}

function hasMessage(e: unknown): e is { message: string } {
  return typeof e === 'object' && e !== null && 'message' in e && typeof e.message === 'string';
}
