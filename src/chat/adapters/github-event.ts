import { hiddenIn } from '../view/lines.ts';

/** Fields of an `issue_comment` event that are read; everything else is left alone. */
export interface CommentEvent {
  action?: string;
  issue?: { number?: number };
  comment?: {
    id?: number;
    body?: string | null;
    created_at?: string;
    user?: { id?: number } | null;
    performed_via_github_app?: unknown;
  };
  repository?: { full_name?: string };
  installation?: { id?: number };
  sender?: { id?: number; type?: string };
}

/** A line that a person wrote as the first of a new comment. */
export interface Typed {
  /** `owner/name#12`. */
  room: string;
  repository: string;
  /** Immutable id of the person. */
  actor: string;
  comment: number;
  line: string;
  typedAt: number;
}

/** The line after the command word: first line, from its first character on. A quote, a fence and a space in front are no command. */
function lineOf(body: string, slash: string): string | undefined {
  const [first = ''] = body.split(/[\r\n]/, 1);
  if (first !== slash && !first.startsWith(`${slash} `)) return undefined;
  return first.slice(slash.length).trim();
}

/** The id of the person, when a person wrote it with their own hands: no bot, no app, nobody in another's name. */
function writerOf(e: CommentEvent): number | undefined {
  const { sender, comment } = e;
  if (sender?.type !== 'User' || comment?.user?.id !== sender.id) return undefined;
  return (comment?.performed_via_github_app ?? null) === null ? sender.id : undefined;
}

/** Where and when it was written; undefined = not told. */
function placeOf({ comment, issue, repository }: CommentEvent): Omit<Typed, 'actor' | 'line'> | undefined {
  const [id, issueNumber, typedAt] = [comment?.id, issue?.number, Date.parse(comment?.created_at ?? '')];
  const name = repository?.full_name;
  if (id === undefined || issueNumber === undefined || name === undefined || Number.isNaN(typedAt)) return undefined;
  return { room: `${name}#${issueNumber}`, repository: name.toLowerCase(), comment: id, typedAt };
}

/** What a person typed; undefined = nothing that a person meant for us. An edited comment is never a command. */
export function typedInComment(e: CommentEvent, slash: string): Typed | undefined {
  if (e.action !== 'created') return undefined;
  const actor = writerOf(e);
  const line = lineOf(e.comment?.body ?? '', slash);
  const place = placeOf(e);
  if (actor === undefined || line === undefined || place === undefined) return undefined;
  return { ...place, actor: String(actor), line };
}

type Odd = { line: string; why: string };

/** Edits and bots write much that has a command somewhere; only what begins with one counts. */
function oddIn(e: CommentEvent, slash: string): Odd | undefined {
  const body = e.comment?.body ?? '';
  const line = lineOf(body, slash);
  if (e.action === 'created' && writerOf(e) !== undefined)
    return line === undefined ? hiddenIn(body, slash) : undefined;
  if (line === undefined) return undefined;
  return { line, why: e.action === 'edited' ? 'the comment was edited' : 'no person wrote it by hand' };
}

/** A line that looks like a command and is none, and why; undefined = it is one, or nothing of ours. */
export function ignoredInComment(e: CommentEvent, slash: string): (Odd & { actor: string; room: string }) | undefined {
  if (e.action !== 'created' && e.action !== 'edited') return undefined;
  const odd = oddIn(e, slash);
  if (odd === undefined) return undefined;
  const room = `${e.repository?.full_name ?? '?'}#${e.issue?.number ?? '?'}`;
  return { ...odd, actor: String(e.sender?.id ?? '?'), room };
}

/** Whose ids a number is one of: github.com, or the name of a server of one's own. */
export function githubTenant(api: string): string {
  const { hostname } = new URL(api);
  return hostname.replace(/^api\./, '');
}
