// The exec plugin of the kubeconfig, as kubectl starts it, beside a one-line Node plugin with a fixed token.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { kubeconfigText } from '../src/infra/kubeconfig.ts';
import { compare, inTurn, ms, ROOT, run, table } from './lib/measure.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-bench-'));
const credentials = join(dir, 'credentials.json');
// a token of EKS is signed on this machine: fresh ones need no network
writeFileSync(
  credentials,
  JSON.stringify({ env: { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }, endpoints: {} }),
);

interface Exec {
  command: string;
  args: string[];
  env: { name: string; value: string }[];
}

function plugin(cache: string): Exec {
  const tw = [process.execPath, '--disable-warning=ExperimentalWarning', join(ROOT, 'src', 'infra', 'plugin.ts')];
  const auth = { kind: 'eks', name: 'sao', region: 'sa-east-1', account: '111122223333' } as const;
  const output = { name: 'sao', endpoint: 'https://192.0.2.1', ca: null, issuer: '', network: '', auth };
  const text = kubeconfigText({ fleet: 'bench', outputs: { sao: output }, tw, credentials, cache });
  const read = parse(text) as { users: { user: { exec: Exec } }[] };
  const exec = read.users[0]?.user.exec;
  if (exec === undefined) throw new Error('the kubeconfig has no exec plugin');
  return exec;
}

function token(e: Exec) {
  const env = { ...process.env, ...Object.fromEntries(e.env.map((v) => [v.name, v.value])) };
  const got = run([e.command, ...e.args], { env });
  if (!/"token":"k8s-aws-v1\./.test(got.stdout)) throw new Error('no token');
  return got;
}

try {
  const line = `process.stdout.write(JSON.stringify({apiVersion:'client.authentication.k8s.io/v1',kind:'ExecCredential',status:{token:'t'}}))`;
  const oneLine = join(dir, 'plugin.cjs');
  writeFileSync(oneLine, line);
  const kept = plugin(join(dir, 'kept'));
  const tokens = join(dir, 'fresh');
  // the compiled code is kept, the token is not
  const fresh = { ...plugin(tokens), env: kept.env };
  const got = await inTurn(
    11,
    {
      kept: () => token(kept),
      fresh: () => {
        rmSync(tokens, { recursive: true, force: true });
        return token(fresh);
      },
      oneLine: () => run([process.execPath, oneLine]),
    },
    { warm: true },
  );
  table('exec plugin of kubectl (median of 11, in turn)', [
    ...compare('kept token', got.kept, { ...got.oneLine, name: 'one-line plugin' }, '≤ 1.5'),
    { name: 'fresh token, signed here', ours: ms(got.fresh.ms), peer: '-' },
  ]);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
