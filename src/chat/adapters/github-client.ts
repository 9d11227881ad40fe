import { createAppAuth } from '@octokit/auth-app';
import { Octokit } from '@octokit/core';
import { throttling } from '@octokit/plugin-throttling';
import { ChatFault } from '../ports.ts';

/** As whom we speak: an app, with the installation that the repositories belong to, or the token of a workflow. */
export type GithubAccount = { app: number; installation: number; privateKey: string } | { token: string };

export interface GithubAccess {
  /** Base of the API, such as https://api.github.com. */
  api: string;
  account: GithubAccount;
  /** Spaces writes as GitHub asks for: one a second, comments three seconds apart. */
  paced: boolean;
}

const TIMEOUT_MS = 10_000;
const nothing = (): void => undefined;

/** A client that retries nothing in silence: what the platform says reaches who keeps the message. */
export function githubClient(a: GithubAccess): Octokit {
  const { account } = a;
  const auth =
    'token' in account
      ? { auth: account.token }
      : {
          authStrategy: createAppAuth,
          auth: { appId: account.app, installationId: account.installation, privateKey: account.privateKey },
        };
  return new (Octokit.plugin(throttling))({
    ...auth,
    baseUrl: a.api.replace(/\/+$/, ''),
    userAgent: 'tradewind',
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    request: {
      fetch: (url: string, o: RequestInit) => fetch(url, { ...o, signal: AbortSignal.timeout(TIMEOUT_MS) }),
    },
    throttle: {
      enabled: a.paced,
      id: 'token' in account ? a.api : `${a.api} ${account.installation}`,
      onRateLimit: () => undefined,
      onSecondaryRateLimit: () => undefined,
    },
  });
}

/** Fields of a refusal that the library gives; its class differs from copy to copy of the library. */
interface Refusal {
  status: number;
  message: string;
  response?: { headers: Readonly<Record<string, string | number | undefined>> };
}
const isRefusal = (e: unknown): e is Refusal =>
  e instanceof Error && typeof (e as { status?: unknown }).status === 'number';

/** What GitHub asks to wait when it names no time. Milliseconds. */
const MINUTE_MS = 60_000;

/** How long a limit asks to wait; undefined = it is none. */
function waitOf(e: Refusal, now: number): number | undefined {
  if (e.status !== 403 && e.status !== 429) return undefined;
  const { 'retry-after': after, 'x-ratelimit-remaining': left, 'x-ratelimit-reset': reset } = e.response?.headers ?? {};
  if (after !== undefined) return Number(after) * 1000;
  if (String(left) === '0') return Math.max(1000, Number(reset) * 1000 - now + 1000);
  return e.status === 429 || /secondary rate|abuse detection/i.test(e.message) ? MINUTE_MS : undefined;
}

/** GitHub's answer in the words of the outbox; `missing` is what a 404 means there. */
export function githubFault(error: unknown, missing: 'gone' | 'never', now: number): ChatFault {
  if (error instanceof ChatFault) return error;
  if (!isRefusal(error)) return new ChatFault('later', 'GitHub does not answer', { cause: error });
  const wait = waitOf(error, now);
  if (wait !== undefined) return new ChatFault('later', 'GitHub asks to wait', { afterMs: wait, cause: error });
  const why = `GitHub says ${error.status}`;
  if (error.status === 401) return new ChatFault('later', why, { afterMs: MINUTE_MS, cause: error });
  if (error.status === 404) return new ChatFault(missing, why, { cause: error });
  return new ChatFault(error.status < 500 ? 'never' : 'later', why, { cause: error });
}
