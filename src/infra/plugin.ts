/**
 * Entry of the kubeconfig's exec plugin: `node plugin.ts kube-credential --cluster …`. It is apart
 * from the CLI because kubectl starts it on every call: no command table, no config is loaded.
 */
import { problemOf } from '../kernel/index.ts';
import { credentialArgs, kubeCredential } from './adapters/credentials/index.ts';

try {
  process.stdout.write(await kubeCredential(credentialArgs(process.argv.slice(2))));
} catch (error) {
  const p = problemOf(error);
  const fixes = p.fix.map((f) => `\n${f.say}${f.command === undefined ? '' : ` ${f.command}`}`).join('');
  process.stderr.write(
    `${p.code} ${p.title}${p.value === undefined ? '' : ` (${p.value})`}: ${p.why.join('; ')}${fixes}\n`,
  );
  process.exitCode = p.exit;
}
