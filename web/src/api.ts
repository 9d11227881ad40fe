import type { Document } from '../../src/commands/model.ts';
import type { Problem } from '../../src/kernel/index.ts';
import type { RunInfo, SessionInfo } from '../../src/server/model.ts';

/** What came back: a document, a run that goes on, or why not. */
export type Said =
  | { is: 'done'; data: unknown; problem?: Problem; run?: string }
  | { is: 'running'; run: RunInfo }
  | { is: 'no'; problem: Problem };

const unreachable = (why: string): Problem => ({
  code: 'TW8014',
  kind: 'transient',
  title: 'the server does not answer',
  where: [],
  why: [why],
  fix: [{ say: 'Look whether it runs:', command: 'tw serve' }],
  exit: 1,
});

async function said(answer: Promise<Response>): Promise<Said> {
  let response: Response;
  try {
    response = await answer;
  } catch (error) {
    return { is: 'no', problem: unreachable(String(error)) };
  }
  const body = (await response.json().catch(() => ({}))) as Document | { kind: 'Run'; data: RunInfo };
  if (body.kind === 'Run' && 'data' in body) return { is: 'running', run: body.data as RunInfo };
  if (body.kind === 'Problem' && 'problem' in body && body.problem !== undefined)
    return { is: 'no', problem: body.problem };
  if (!('data' in body)) return { is: 'no', problem: unreachable(`it answered ${response.status}`) };
  const problem = 'problem' in body && body.problem !== undefined ? { problem: body.problem } : {};
  return { is: 'done', data: body.data, ...problem };
}

const WRITE = { 'content-type': 'application/json', 'x-tradewind': '1' };
const path = (verb: string): string => `/api/v1/commands/${verb.replaceAll(' ', '/')}`;

export type Args = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A verb that only looks. */
export function look(verb: string, args: Readonly<Record<string, string>> = {}): Promise<Said> {
  return said(fetch(`${path(verb)}?${new URLSearchParams(args)}`));
}

/** A verb that acts; one press is one key, so that a repeated request is one command. */
export function act(verb: string, args: Args, waitSeconds = 1): Promise<Said> {
  const headers = { ...WRITE, 'idempotency-key': crypto.randomUUID(), prefer: `wait=${waitSeconds}` };
  return said(fetch(path(verb), { method: 'POST', headers, body: JSON.stringify(args) }));
}

/** Says, presses or switches something in the chat lab; the reason when it is refused. */
export async function inLab(what: 'say' | 'press' | 'switches', body: object): Promise<Problem | undefined> {
  const s = await said(fetch(`/api/v1/lab/${what}`, { method: 'POST', headers: WRITE, body: JSON.stringify(body) }));
  return s.is === 'no' ? s.problem : undefined;
}

/** The audit as it is exported: one record a line; the reason when it is refused. */
export async function auditLines(): Promise<{ text: string } | { problem: Problem }> {
  try {
    const r = await fetch(path('audit export'), { headers: { 'tw-plain': '1' } });
    if (r.headers.get('content-type')?.includes('ndjson') === true) return { text: await r.text() };
    const s = await said(Promise.resolve(r));
    return { problem: s.is === 'no' ? s.problem : unreachable(`it answered ${r.status}`) };
  } catch (error) {
    return { problem: unreachable(String(error)) };
  }
}

export async function session(): Promise<SessionInfo | undefined> {
  const r = await fetch('/api/v1/session');
  return r.ok ? ((await r.json()) as SessionInfo) : undefined;
}

/** Turns a one-time code or a token into a cookie; the reason when it is refused. */
export async function signIn(secret: string): Promise<string | undefined> {
  const r = await fetch('/api/v1/login', { method: 'POST', headers: WRITE, body: JSON.stringify({ secret }) });
  if (r.ok) return undefined;
  const body = (await r.json().catch(() => ({}))) as { problem?: Problem };
  return body.problem?.why[0] ?? 'refused';
}

export async function signOut(): Promise<void> {
  await fetch('/api/v1/login', { method: 'DELETE', headers: WRITE });
}

export async function factsOf(run: string): Promise<{ at: number; kind: string; cluster?: string; data: unknown }[]> {
  const r = await fetch(`/api/v1/runs/${run}/facts`);
  return r.ok ? ((await r.json()) as { facts: [] }).facts : [];
}
