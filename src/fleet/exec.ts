import { causes, fault, type Problem, TwError } from '../kernel/index.ts';
import { kubeFault } from './faults.ts';
import { type ClusterApi, type PodQuery, pickTarget, type Target } from './pods.ts';
import { KubeError } from './ports.ts';

export interface ExecIo {
  stdin?: AsyncIterable<Uint8Array>;
  tty?: boolean;
  stdout(chunk: Uint8Array, from: Target): void;
  stderr(chunk: Uint8Array, from: Target): void;
  signal: AbortSignal;
}
export type ExecResult =
  | { cluster: string; pod?: string; code: number }
  | { cluster: string; pod?: string; problem: Problem };

function execFault(e: unknown, t: Target, argv: readonly string[]): TwError {
  if (!(e instanceof KubeError)) throw e;
  return fault('TW3081', {
    value: argv.join(' '),
    where: [{ cluster: t.cluster, resource: `Pod ${t.pod.namespace}/${t.pod.name}` }],
    why: causes(e),
    cause: e,
  });
}

/** Runs a command in one container; its exit code. Throws TW3081. */
export async function execIn(t: Target, argv: readonly string[], io: ExecIo): Promise<number> {
  try {
    return await t.api.exec(t.pod, {
      argv,
      ...(io.stdin === undefined ? {} : { stdin: io.stdin }),
      ...(io.tty === undefined ? {} : { tty: io.tty }),
      stdout: (chunk) => io.stdout(chunk, t),
      stderr: (chunk) => io.stderr(chunk, t),
      signal: io.signal,
    });
  } catch (e) {
    throw execFault(e, t, argv);
  }
}

async function one(c: ClusterApi, q: PodQuery, argv: readonly string[], io: ExecIo): Promise<ExecResult> {
  let target: Target | undefined;
  try {
    target = await pickTarget(c, q);
    return { cluster: c.cluster, pod: target.pod.name, code: await execIn(target, argv, io) };
  } catch (e) {
    const { problem } = e instanceof TwError ? e : kubeFault(e, c.cluster);
    return { cluster: c.cluster, ...(target === undefined ? {} : { pod: target.pod.name }), problem };
  }
}

/** The same command in one pod of every cluster, in parallel; one result per cluster. */
export function fleetExec(
  clusters: readonly ClusterApi[],
  query: PodQuery,
  argv: readonly string[],
  io: ExecIo,
): Promise<ExecResult[]> {
  return Promise.all(clusters.map((c) => one(c, query, argv, io)));
}
