import type { Octokit } from '@octokit/core';
import type { CommentEvent } from './github-event.ts';

export interface Missed {
  /** The id that a redelivery keeps. */
  guid: string;
  event: CommentEvent;
}

interface Delivery {
  /** May be larger than a number is exact. */
  id: number | bigint;
  guid: string;
  event: string;
  action: string | null;
  status_code: number;
}

/** GitHub keeps deliveries for three days; so many pages are read at most. */
const PAGES = 10;

async function listed(web: Octokit): Promise<Delivery[]> {
  const all: Delivery[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < PAGES; n++) {
    const more = cursor === undefined ? {} : { cursor };
    const r = await web.request('GET /app/hook/deliveries', { per_page: 100, ...more });
    all.push(...r.data);
    cursor = /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(r.headers.link ?? '')?.[1];
    if (cursor === undefined) break;
  }
  return all;
}

const arrived = (d: Delivery): boolean => d.status_code >= 200 && d.status_code < 300;

/** New comments that GitHub could not deliver, oldest first; `known` guids are left out. */
export async function missedDeliveries(web: Octokit, known: ReadonlySet<string>): Promise<Missed[]> {
  const comments = (await listed(web)).filter((d) => d.event === 'issue_comment' && d.action === 'created');
  const there = new Set(comments.filter(arrived).map((d) => d.guid));
  const missed = new Map(comments.filter((d) => !there.has(d.guid) && !known.has(d.guid)).map((d) => [d.guid, d.id]));
  const found: Missed[] = [];
  for (const [guid, delivery_id] of missed) {
    const r = await web.request('GET /app/hook/deliveries/{delivery_id}', { delivery_id: delivery_id as number });
    found.push({ guid, event: (r.data.request.payload ?? {}) as CommentEvent });
  }
  return found.toReversed();
}
