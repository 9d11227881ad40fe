/** The entry of every process of the product: argv → CLI, or a process of the data plane. */
import { join } from 'node:path';
import { cli } from './cli/main.ts';
import type { Invocation } from './commands/index.ts';
import { contextOf } from './compose/context.ts';
import { ROOT } from './compose/place.ts';
import { fault } from './kernel/index.ts';

async function runProcess(argv: readonly string[]): Promise<void> {
  const [name = '', ...args] = argv;
  if (name === 'state-agent') return await (await import('./compose/dataplane.ts')).runStateAgent(args);
  if (name === 'state-gateway') return await (await import('./compose/dataplane.ts')).runStateGateway(args);
  if (name === 'server') return await (await import('./compose/server-pod/process.ts')).runServerPod(args);
  if (name === 'server-link') return (await import('./compose/server-pod/process.ts')).printLink();
  if (name !== 'nameserver')
    throw fault('TW6001', {
      value: `run ${name}`,
      why: ['processes: nameserver, server, server-link, state-agent, state-gateway'],
    });
  const { nameserverOptions, runNameserver } = await import('./traffic/index.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const log = (line: string): void => void process.stdout.write(`${new Date().toISOString()} ${line}\n`);
  await runNameserver({ ...(await nameserverOptions(args, process.env)), log, signal: stop.signal });
}

async function credential(argv: readonly string[]): Promise<void> {
  const { credentialArgs, kubeCredential } = await import('./infra/index.ts');
  process.stdout.write(await kubeCredential(credentialArgs(argv)));
}

async function githubAction(): Promise<void> {
  const action = await import('./compose/github-action.ts');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const cli = join(ROOT, 'bin', 'tw.js');
  const deps = {
    env: process.env,
    cwd: process.cwd(),
    cli,
    engine: (call: Invocation) => contextOf(call),
    say,
    signal: stop.signal,
  };
  process.exitCode = await action.githubAction(deps);
}

await cli({
  argv: process.argv.slice(2),
  engine: async (call) => contextOf(call),
  processes: {
    run: runProcess,
    'kube-credential': credential,
    'github-action': githubAction,
    complete: async (argv) => await (await import('./compose/complete.ts')).complete(argv),
  },
});
