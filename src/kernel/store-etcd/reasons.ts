import { Code, ConnectError } from '@connectrpc/connect';

/** What etcd or the connection says, in one line: the innermost cause. */
export function reasonOf(e: unknown): string {
  let inner = e;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  if (inner instanceof ConnectError)
    return inner.code === Code.DeadlineExceeded ? 'no answer in time' : inner.rawMessage;
  if (!(inner instanceof Error)) return String(inner);
  return inner.name === 'TimeoutError' ? 'no answer in time' : inner.message;
}

/** etcd said no before it proposed the write to anybody. */
const BEFORE = /etcdserver: (no leader|not capable|too many requests|server stopped)/;
const REFUSED: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.ResourceExhausted,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
]);

/**
 * What a failed write means. `elsewhere`: certainly not written, another member may take it; `refused`: certainly
 * not written, and nobody will take it; `unknown`: it may be written or not.
 */
export function meaningOf(e: unknown): 'elsewhere' | 'refused' | 'unknown' {
  if (!(e instanceof ConnectError)) return 'unknown';
  if (BEFORE.test(e.rawMessage)) return 'elsewhere';
  return REFUSED.has(e.code) ? 'refused' : 'unknown';
}
