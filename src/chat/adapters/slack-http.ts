import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RawRequest, RawResponse } from '../ports.ts';
import { type Body, type Happening, happening } from './slack-event.ts';

/** A request that is older, or younger, is none of Slack's. Milliseconds. */
const WINDOW_MS = 5 * 60_000;
/** Slack waits for 3 s. Milliseconds. */
const ANSWER_MS = 2500;

/**
 * The signature of a request that Slack made (v0 = HMAC-SHA-256 of `v0:<timestamp>:<body>`), compared with that of
 * every secret in constant time; undefined = it is not from Slack, or not of now.
 */
function slackSignature(r: RawRequest, secrets: readonly string[], now: number): string | undefined {
  const { 'x-slack-request-timestamp': at = '', 'x-slack-signature': given = '' } = r.headers;
  if (!/^\d{1,12}$/.test(at) || Math.abs(now - Number(at) * 1000) > WINDOW_MS) return undefined;
  const mac = (secret: string): Buffer =>
    Buffer.from(`v0=${createHmac('sha256', secret).update(`v0:${at}:${r.body}`).digest('hex')}`);
  const sent = Buffer.from(given);
  const same = secrets.map(mac).filter((m) => m.length === sent.length && timingSafeEqual(m, sent));
  return same.length === 0 ? undefined : given;
}

function kindOf(b: Body): string {
  if (b.command !== undefined) return 'slash_commands';
  return b.type === 'event_callback' ? 'events_api' : 'interactive';
}

/** JSON of events, or a form: a slash command, or a payload of buttons. Throws on what is neither. */
function bodyOf(r: RawRequest): Body {
  const json = (r.headers['content-type'] ?? '').startsWith('application/json');
  const form = json ? {} : (Object.fromEntries(new URLSearchParams(r.body)) as Body & { payload?: string });
  const text = json ? r.body : form.payload;
  if (text === undefined) return form;
  const body = JSON.parse(text) as Body | null;
  if (typeof body !== 'object' || body === null) throw new TypeError('an object is expected');
  return body;
}

/** Kept first, answered second, within the time that Slack waits; what is not kept is asked for again. */
async function taken(x: Happening, take: (x: Happening) => Promise<boolean>): Promise<RawResponse> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((go) => {
    timer = setTimeout(() => go(false), ANSWER_MS);
  });
  const kept = await Promise.race([take(x), late]);
  clearTimeout(timer);
  return { status: kept ? 200 : 503 };
}

/** A request to `/hooks/slack`: 401 for what Slack did not sign, without a reason; 400 for what nobody can read. */
export async function bySlack(
  r: RawRequest,
  o: { secrets: readonly string[]; now: number; take: (x: Happening) => Promise<boolean> },
): Promise<RawResponse> {
  const signature = slackSignature(r, o.secrets, o.now);
  if (signature === undefined) return { status: 401 };
  let body: Body;
  try {
    body = bodyOf(r);
  } catch {
    return { status: 400 };
  }
  if (body.type === 'url_verification') return { status: 200, body: String(body.challenge) };
  const sentAt = Number(r.headers['x-slack-request-timestamp']) * 1000;
  const x = happening({ body, sentAt, key: `signature ${signature}` }, kindOf(body));
  return x === undefined ? { status: 200 } : await taken(x, o.take);
}
