import { resolve } from 'node:path';
import { fault, replaceFile } from '../../kernel/index.ts';
import { kubeconfigText } from '../kubeconfig.ts';
import type { Outputs, Place } from '../model.ts';
import { cacheDirOf, identityEnv } from './credentials/index.ts';

function write(path: string, text: string): void {
  try {
    replaceFile(path, text);
  } catch (cause) {
    throw fault('TW2107', { value: path, cause });
  }
}

export interface KubeconfigOptions {
  fleet: string;
  /** Argv that starts `tw`. Default: this Node and the plugin's own entry. */
  tw?: readonly string[];
}

const ownPlugin = (): string[] => [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  resolve(import.meta.dirname, '../plugin.ts'),
];

/**
 * Writes the kubeconfig (0600) and, beside it, what the exec plugin needs of this place. Only what
 * the place itself carries is written: with real clouds that is nothing, the shell's own
 * credentials are used.
 */
export function writeKubeconfig(outputs: Outputs, place: Place, path: string, o: KubeconfigOptions): void {
  const credentials = `${path}.credentials.json`;
  const proxy = place.proxyUrl === undefined ? {} : { proxyUrl: place.proxyUrl };
  write(credentials, JSON.stringify({ env: identityEnv(place.env), endpoints: place.endpoints, ...proxy }));
  write(
    path,
    kubeconfigText({
      fleet: o.fleet,
      outputs,
      tw: o.tw ?? ownPlugin(),
      credentials,
      cache: cacheDirOf(place),
      ...proxy,
    }),
  );
}
