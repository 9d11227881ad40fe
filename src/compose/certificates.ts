import { dictOf, type KubeApi, textOf } from '../fleet/index.ts';
import type { FleetCa } from '../infra/index.ts';

/** PEM. */
export interface Certificate {
  ca: string;
  cert: string;
  key: string;
}

/** The values of a Secret as text; `undefined` when there is none. Throws KubeError. */
export async function secretIn(
  api: KubeApi,
  at: { namespace: string; name: string },
): Promise<Record<string, string> | undefined> {
  const found = await api.get({ group: '', kind: 'Secret', ...at });
  if (found === undefined) return undefined;
  const texts = Object.entries(dictOf(found['data'])).map(([k, v]) => [k, textOf(v)] as const);
  return Object.fromEntries(
    texts.flatMap(([k, v]) => (v === undefined ? [] : [[k, Buffer.from(v, 'base64').toString()]])),
  );
}

/** A certificate among the values of a Secret, whole or not at all. */
export function certificateIn(files: Record<string, string> | undefined): Certificate | undefined {
  const [ca, cert, key] = ['ca.crt', 'tls.crt', 'tls.key'].map((name) => files?.[name]);
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key };
}

/** Issues for this fleet; `known`: this folder has the authority already. */
export interface Issuer {
  known: boolean;
  ca(): Promise<FleetCa>;
}

/** What a cluster has already, or what this folder's authority issues. */
export async function certificateOf(
  there: Certificate | undefined,
  issuer: Issuer,
  wish: { name: string; hosts: readonly string[] },
): Promise<Certificate> {
  // Whoever has no authority of his own leaves what another folder issued.
  if (there !== undefined && !issuer.known) return there;
  const ca = await issuer.ca();
  return { ca: ca.cert, ...(await ca.issue(wish)) };
}
