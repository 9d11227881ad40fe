import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fault, replaceFile } from '../../kernel/index.ts';

/** A token and the one server it is for. */
interface SignIn {
  origin: string;
  token: string;
}

const file = (stateDir: string): string => join(stateDir, 'sign-in.json');

function read(path: string): SignIn | undefined {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0)
      throw fault('TW8035', {
        value: path,
        why: [`others may read it (mode ${(mode & 0o777).toString(8)}): the token may be known`],
        fix: [{ say: 'Make it yours alone, or sign in anew and revoke the old token:', command: `chmod 600 ${path}` }],
      });
    return JSON.parse(readFileSync(path, 'utf8')) as SignIn;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (cause instanceof SyntaxError)
      throw fault('TW8035', { value: path, cause, fix: [{ say: 'Sign in anew:', command: 'tw login' }] });
    throw cause;
  }
}

/** `TW_TOKEN`, else what `tw login` kept for exactly this server. Throws TW8020, TW8035. */
export function tokenFor(origin: string, stateDir: string, env: NodeJS.ProcessEnv): string {
  const given = env['TW_TOKEN'];
  if (given !== undefined && given !== '') return given;
  const kept = read(file(stateDir));
  if (kept?.origin === origin) return kept.token;
  const why = kept === undefined ? 'no TW_TOKEN, and nobody signed in here' : `the sign-in here is for ${kept.origin}`;
  throw fault('TW8020', { value: origin, why: [why], fix: howToSignIn });
}

export const howToSignIn = [
  { say: 'On the machine of the server:', command: 'tw login' },
  { say: 'Elsewhere, with the address that `tw dashboard` prints there:', command: "tw login '<address>'" },
  { say: 'In a pipeline: the variable TW_TOKEN, made by an admin with', command: 'tw token create <name>' },
];

/** Keeps a token for one server; the file is its owner's alone. */
export function keepToken(stateDir: string, signIn: SignIn): string {
  replaceFile(file(stateDir), `${JSON.stringify(signIn)}\n`);
  return file(stateDir);
}
