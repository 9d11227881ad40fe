import { createHmac } from 'node:crypto';
import type { RawRequest, RawResponse } from '../ports.ts';

interface Posted {
  id: string;
  /** 0 = the first time. */
  retry: number;
  status: number;
  body: string | undefined;
}

const TRIES = 3;

/** A request as Slack signs it; `at` in Unix seconds. */
export function signed(secret: string, body: string, o: { at?: number; type?: string } = {}): RawRequest {
  const { at = Math.floor(Date.now() / 1000), type = 'application/x-www-form-urlencoded' } = o;
  const mac = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
  const headers = { 'content-type': type, 'x-slack-request-timestamp': String(at), 'x-slack-signature': `v0=${mac}` };
  return { headers, body };
}

function requestOf(secret: string, type: string, payload: object): RawRequest {
  if (type === 'events_api') return signed(secret, JSON.stringify(payload), { type: 'application/json' });
  const form: Record<string, string> =
    type === 'slash_commands' ? { ...payload } : { payload: JSON.stringify(payload) };
  return signed(secret, new URLSearchParams(form).toString());
}

/** Slack that posts: every request is signed; an event that is not taken comes again, signed anew, three times. */
export class SlackPosts {
  /** Every answer, in order. */
  readonly posted: Posted[] = [];
  secret: string;
  readonly #hook: (r: RawRequest) => Promise<RawResponse>;
  #last: RawRequest | undefined;

  constructor(hook: (r: RawRequest) => Promise<RawResponse>, secret: string) {
    this.#hook = hook;
    this.secret = secret;
  }

  /** The bytes of the last request once more, as somebody who recorded it would send them. */
  async replay(): Promise<RawResponse> {
    return this.#last === undefined ? { status: 0 } : await this.#hook(this.#last);
  }

  async post(id: string, type: string, payload: object): Promise<void> {
    const most = type === 'events_api' ? TRIES : 0;
    for (let retry = 0; retry <= most; retry++) {
      const r = requestOf(this.secret, type, payload);
      const again: Record<string, string> =
        retry === 0 ? {} : { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': 'http_error' };
      this.#last = { ...r, headers: { ...r.headers, ...again } };
      const { status, body } = await this.#hook(this.#last);
      this.posted.push({ id, retry, status, body });
      if (status === 200) return;
      await new Promise((go) => setTimeout(go, 20));
    }
  }
}
