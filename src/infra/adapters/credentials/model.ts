import type { Clock } from '../../../kernel/index.ts';

/** A bearer token for a Kubernetes API; `expires` is Unix milliseconds. */
export interface KubeToken {
  token: string;
  expires: number;
}
/** What token makers need of the world. */
export interface World {
  env: Readonly<Record<string, string | undefined>>;
  endpoints: Readonly<Record<string, string>>;
  proxyUrl?: string;
  clock: Pick<Clock, 'now'>;
}
