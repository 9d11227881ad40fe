import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { changeFile, duration, fault, madeOnce, type Row, TwError, text, toJson, untrusted } from '../kernel/index.ts';
import type { Context } from './context.ts';
import type { Args, Outcome } from './model.ts';
import { ROLES } from './table-server.ts';

export type Role = (typeof ROLES)[number];

export interface TokenEntry {
  id: string;
  name: string;
  role: Role;
  /** SHA-256 of the token, hexadecimal: the token itself is nowhere. */
  hash: string;
  /** Its first letters, by which a person tells it from others; absent: it is older than this field. */
  prefix?: string;
  /** Unix milliseconds. */
  createdAt: number;
  expiresAt: number;
  /** Of the last request with it, at most a minute old; absent: none yet. */
  usedAt?: number;
}
/** Who may use the server of a project: a file only its owner can read. */
export interface Access {
  /** Signs sessions and one-time codes. */
  key: string;
  tokens: readonly TokenEntry[];
}

const DAY_MS = 86_400_000;
const CHECK = 6;
/** `twt_` and four of 43 letters. */
const PREFIX = 8;
const file = (stateDir: string): string => join(stateDir, 'access.json');

export const sha256 = (s: string): string => createHash('sha256').update(s).digest('hex');

const textOf = (access: Access): string => `${JSON.stringify(access, null, 2)}\n`;

const fresh = (): Access => ({ key: randomBytes(32).toString('base64url'), tokens: [] });

/** Throws TW8015. */
function asAccess(stateDir: string, textFrom: (path: string) => string): Access {
  const path = file(stateDir);
  try {
    return JSON.parse(textFrom(path)) as Access;
  } catch (cause) {
    if (cause instanceof TwError) throw cause;
    throw fault('TW8015', { value: path, cause, fix: [{ say: 'Mend the file, or remove it to begin anew.' }] });
  }
}

/** Reads it, makes it when there is none. Throws TW8015. */
export const accessOf = (stateDir: string): Access =>
  asAccess(stateDir, (path) => madeOnce(path, () => textOf(fresh())));

/** What others add or take out at the same moment stays so. Throws TW8015, and what `change` throws. */
const changed = (stateDir: string, change: (tokens: readonly TokenEntry[]) => readonly TokenEntry[]): Access =>
  asAccess(stateDir, (path) =>
    changeFile(path, (now) => {
      const access = now === undefined ? fresh() : (JSON.parse(now) as Access);
      return textOf({ ...access, tokens: change(access.tokens) });
    }),
  );

/** `twt_`, 256 random bits and a checksum: a torn or mistyped one is told from an unknown one. */
function newToken(): string {
  const body = randomBytes(32).toString('base64url');
  return `twt_${body}${sha256(body).slice(0, CHECK)}`;
}

/** It has the shape of a token and its checksum is right. */
export function isToken(s: string): boolean {
  const m = /^twt_([\w-]{43})([0-9a-f]{6})$/.exec(s);
  return m !== null && sha256(m[1] ?? '').slice(0, CHECK) === m[2];
}

/** The entry of a token that is valid now. Hashes are compared, so no time tells of the secret. */
export function tokenEntry(access: Access, token: string, now: number): TokenEntry | undefined {
  if (!isToken(token)) return undefined;
  const hash = sha256(token);
  return access.tokens.find((t) => t.hash === hash && t.expiresAt > now);
}

const shown = (t: TokenEntry) => ({
  id: t.id,
  name: t.name,
  role: t.role,
  prefix: t.prefix ?? null,
  createdAt: t.createdAt,
  expiresAt: t.expiresAt,
  usedAt: t.usedAt ?? null,
});
export type ShownToken = ReturnType<typeof shown>;

const row = (t: TokenEntry, now: number): Row => ({
  key: t.id,
  tone: t.expiresAt > now ? 'ok' : 'off',
  label: [text(t.id)],
  cells: {
    name: [untrusted(t.name)],
    role: [text(t.role)],
    begins: [text(t.prefix === undefined ? '' : `${t.prefix}…`)],
    expires: [text(new Date(t.expiresAt).toISOString().slice(0, 10))],
    used: [text(t.usedAt === undefined ? 'never' : `${duration(now - t.usedAt)} ago`)],
  },
  kids: [],
});

function listed(c: Context, tokens: readonly TokenEntry[]): Outcome {
  const now = c.clock.now();
  return { data: { tokens: toJson(tokens.map(shown)) }, view: { at: now, rows: tokens.map((t) => row(t, now)) } };
}

export const tokenList = (c: Context): Outcome => listed(c, accessOf(c.stateDir).tokens);

/** Tokens without their secrets, for a door that shows them live. Throws TW8015. */
export const tokensNow = (c: Context): ShownToken[] => accessOf(c.stateDir).tokens.map(shown);

/** Keeps that a token was used now. Throws TW8015, and what the file system says. */
export function noteUse(stateDir: string, id: string, now: number): void {
  changed(stateDir, (tokens) => tokens.map((t) => (t.id === id ? { ...t, usedAt: now } : t)));
}

/** Throws TW6002, TW8015. */
export function tokenCreate(c: Context, args: Args): Outcome {
  const role = args['role'] as Role;
  if (!ROLES.includes(role)) throw fault('TW6002', { value: `--role ${role}`, why: [`roles are ${ROLES.join(', ')}`] });
  const token = newToken();
  const now = c.clock.now();
  const entry: TokenEntry = {
    id: `t${sha256(token).slice(0, 6)}`,
    name: args['name'] as string,
    role,
    hash: sha256(token),
    prefix: token.slice(0, PREFIX),
    createdAt: now,
    expiresAt: now + (args['days'] as number) * DAY_MS,
  };
  changed(c.stateDir, (tokens) => [...tokens, entry]);
  c.journal().append({ kind: 'access.token', data: { did: 'created', id: entry.id, name: entry.name, role } });
  const secret: Row = { key: 'token', tone: 'ok', label: [text(token)], cells: {}, kids: [] };
  return { data: { ...shown(entry), token }, view: { at: now, rows: [row(entry, now), secret] } };
}

/** Throws TW8015, TW8016. */
export function tokenRevoke(c: Context, args: Args): Outcome {
  const id = args['id'] as string;
  const { tokens } = changed(c.stateDir, (all) => {
    const left = all.filter((t) => t.id !== id);
    if (left.length < all.length) return left;
    throw fault('TW8016', { value: id, fix: [{ say: 'See all of them:', command: 'tw token list' }] });
  });
  c.journal().append({ kind: 'access.token', data: { did: 'revoked', id } });
  return listed(c, tokens);
}
