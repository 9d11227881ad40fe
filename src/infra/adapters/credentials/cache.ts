import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digest, type Json, replaceFile } from '../../../kernel/index.ts';
import type { KubeToken } from './model.ts';

/** A token this close to its end is not handed out any more. */
const MARGIN_MS = 60_000;

/** Tokens in 0600 files, keyed by cluster and identity. */
export interface TokenCache {
  get(key: Json, now: number): KubeToken | undefined;
  put(key: Json, token: KubeToken): void;
}

export function tokenCache(dir: string): TokenCache {
  const file = (key: Json): string => join(dir, `${digest(key).slice('sha256:'.length, 'sha256:'.length + 32)}.json`);
  return {
    get: (key, now) => {
      try {
        const t = JSON.parse(readFileSync(file(key), 'utf8')) as KubeToken;
        return t.expires - MARGIN_MS > now ? t : undefined;
      } catch {
        return undefined;
      }
    },
    put: (key, token) => {
      try {
        replaceFile(file(key), JSON.stringify(token));
      } catch {
        // a cache that cannot be written costs time, nothing else
      }
    },
  };
}
