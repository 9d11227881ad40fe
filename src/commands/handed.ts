import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterName, readFile, replaceFile } from '../kernel/index.ts';

/** Address of a server that is a pod, reached through the API server of its cluster. */
export const addressIn = (cluster: ClusterName): string => `cluster:${cluster}`;

/** The cluster of such an address; undefined: it is another one. */
export const clusterOf = (address: string): ClusterName | undefined => /^cluster:(.+)$/.exec(address)?.[1];

const file = (stateDir: string): string => join(stateDir, 'server.json');

interface Handed {
  address: string;
  place: 'sandbox' | 'real';
  /** Unix milliseconds. */
  at: number;
}

const read = (stateDir: string): Handed | undefined => {
  const text = readFile(file(stateDir));
  return text === undefined ? undefined : (JSON.parse(text) as Handed);
};

/** To whom this folder's files were handed: that server decides, not what was left here. */
export const handedTo = (stateDir: string): string | undefined => read(stateDir)?.address;

/** From now on `address` decides. */
export function markHanded(stateDir: string, handed: Handed): void {
  replaceFile(file(stateDir), `${JSON.stringify(handed)}\n`);
}

/** This folder decides again; with `place`, only where the server was in that one. */
export function unmarkHanded(stateDir: string, place?: Handed['place']): void {
  if (place === undefined || read(stateDir)?.place === place) rmSync(file(stateDir), { force: true });
}
