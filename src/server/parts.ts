import type { Context as Http } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { fault, type Problem } from '../kernel/index.ts';
import type { LookContexts } from './contexts.ts';
import type { Allowed } from './guard.ts';
import type { Hub } from './hub.ts';
import type { Looks } from './metrics/looks.ts';
import type { Metrics } from './metrics.ts';
import type { Person } from './model.ts';
import { mayAs, type Route, statusOf } from './plan.ts';
import type { ServerDeps, WebFile } from './ports.ts';
import type { Refusals } from './refusals.ts';
import type { RunRegistry } from './runs.ts';
import type { Identity } from './session.ts';
import type { Streams } from './stream.ts';

export interface AppParts {
  deps: ServerDeps;
  allowed: Allowed;
  secure: boolean;
  identity: Identity;
  runs: RunRegistry;
  hub: Hub;
  contexts: LookContexts;
  streams: Streams;
  refusals: Refusals;
  metrics: Metrics;
  looks: Looks;
  web: ReadonlyMap<string, WebFile>;
  /** Set when the server ends: nothing new begins. */
  stopping: AbortSignal;
}
export type Env = { Variables: { person: Person | undefined } };
export type Http1 = Http<Env>;

/** Longest body of a request. */
export const MOST_BYTES = 256 * 1024;

/** A problem as an answer: the document of `-o json`, with what HTTP clients look for beside it. */
export function problemAnswer(c: Http1, p: Problem, verb = ''): Response {
  const status = statusOf(p);
  const body = {
    status,
    title: p.title,
    code: p.code,
    apiVersion: 'tradewind/v1',
    kind: 'Problem',
    problem: p,
    meta: { verb, at: new Date().toISOString(), ms: 0 },
  };
  const more = status === 429 || status === 503 ? { 'retry-after': '5' } : {};
  return c.body(JSON.stringify(body), status as 400, { 'content-type': 'application/problem+json', ...more });
}

/** A body of `/api` that is longer is refused before it is read to its end. */
export const shortBody = bodyLimit({
  maxSize: MOST_BYTES,
  onError: () => {
    throw fault('TW8029', { value: 'body', why: [`${MOST_BYTES / 1024} KiB at most`] });
  },
});

/** Signed in with a role that is large enough. Throws TW8020, TW8021. */
export function need(c: Http1, role: Route['role']): Person {
  const person = c.get('person');
  if (person === undefined)
    throw fault('TW8020', { fix: [{ say: 'An address that signs a browser in:', command: 'tw dashboard' }] });
  if (!mayAs(person.role, role))
    throw fault('TW8021', {
      value: `${person.name}: ${person.role}`,
      why: [`this needs the role ${role}`],
      fix: [
        { say: 'Whoever runs the server can make such a token:', command: `tw token create <name> --role ${role}` },
      ],
    });
  return person;
}
