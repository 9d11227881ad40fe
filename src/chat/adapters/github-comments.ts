import type { Octokit } from '@octokit/core';
import { ChatFault } from '../ports.ts';

/** An issue or a pull request. */
export interface Place {
  owner: string;
  repo: string;
  issue_number: number;
}

/** `owner/name#12`. Throws ChatFault. */
export function placeOf(room: string): Place {
  const [, owner, repo, number] = /^([\w.-]+)\/([\w.-]+)#(\d+)$/.exec(room) ?? [];
  if (owner === undefined || repo === undefined) throw new ChatFault('never', `${room} is no issue`);
  return { owner, repo, issue_number: Number(number) };
}

interface Comment {
  id: number;
  body?: string;
  user: { type: string } | null;
}

const PER_PAGE = 100;

/** The newest comment with a marker. Anybody may copy a marker into a comment; only a comment of an app is ours to edit. */
export async function findComment(web: Octokit, place: Place, marker: string): Promise<number | undefined> {
  const page = async (n: number) =>
    await web.request('GET /repos/{owner}/{repo}/issues/{issue_number}/comments', {
      ...place,
      per_page: PER_PAGE,
      page: n,
    });
  const first = await page(1);
  const last = Number(/[?&]page=(\d+)[^>]*>; rel="last"/.exec(first.headers.link ?? '')?.[1] ?? 1);
  for (let n = last; n >= 1; n--) {
    const { data } = n === 1 ? first : await page(n);
    const found = (data as Comment[]).findLast((c) => c.user?.type === 'Bot' && c.body?.startsWith(marker) === true);
    if (found !== undefined) return found.id;
  }
  return undefined;
}

export async function addComment(web: Octokit, place: Place, body: string): Promise<number> {
  const r = await web.request('POST /repos/{owner}/{repo}/issues/{issue_number}/comments', { ...place, body });
  return Number(r.data.id);
}

export async function editComment(web: Octokit, { owner, repo }: Place, id: number, body: string): Promise<void> {
  const where = { owner, repo, comment_id: id };
  await web.request('PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}', { ...where, body });
}

/** One comment per marker: edited where it stands, else posted. */
export async function keepComment(web: Octokit, place: Place, x: { marker: string; body: string }): Promise<void> {
  const id = await findComment(web, place, x.marker);
  if (id === undefined) await addComment(web, place, x.body);
  else await editComment(web, place, id, x.body);
}
