import {
  type Access,
  accessOf,
  isLoginCode,
  isToken,
  noteUse,
  sameText,
  signed,
  type TokenEntry,
  tokenEntry,
} from '../commands/index.ts';
import { type Clock, fault } from '../kernel/index.ts';
import type { Person } from './model.ts';

export const COOKIE = 'tw_session';
/** A session ends after so long without use. */
export const IDLE_MS = 12 * 3_600_000;
const RENEW_MS = 600_000;
/** The use of a token is written down so often at most. Milliseconds. */
const NOTE_MS = 60_000;

/** Who a request is from. */
export interface Identity {
  /** From `Authorization: Bearer` or the session cookie. Throws TW8020 for what is wrong; `undefined` = nothing was shown. */
  who(bearer: string | undefined, cookie: string | undefined): Person | undefined;
  /** A new cookie value for a one-time code or a token. Throws TW8020. */
  signIn(secret: string): { value: string; person: Person };
  /** A younger cookie for the same person, when this one is old enough. */
  renewed(cookie: string | undefined): string | undefined;
}

/** Whoever could make a one-time code: the person who owns the project's files. */
export const LOCAL = 'local';

interface Claim {
  /** `local`, or the id of a token. */
  sub: string;
  until: number;
}

function claimOf(access: Access, cookie: string): Claim | undefined {
  const [sub = '', until = '', mac = ''] = cookie.split('.');
  if (!sameText(mac, signed(access.key, `session ${sub}.${until}`))) return undefined;
  return { sub, until: Number.parseInt(until, 36) };
}

const cookieOf = (access: Access, c: Claim): string => {
  const body = `${c.sub}.${c.until.toString(36)}`;
  return `${body}.${signed(access.key, `session ${body}`)}`;
};

const denied = (why: string): Error =>
  fault('TW8020', { why: [why], fix: [{ say: 'An address that signs a browser in:', command: 'tw dashboard' }] });

/** Tokens and one-time codes of one project. Codes are remembered until they would have expired anyway. */
export function identityOf(stateDir: string, clock: Clock): Identity {
  const used = new Map<string, number>();
  const noted = new Map<string, number>();
  const note = (p: Person): Person => {
    const now = clock.now();
    if (p.id === LOCAL || now - (noted.get(p.id) ?? 0) < NOTE_MS) return p;
    noted.set(p.id, now);
    try {
      noteUse(stateDir, p.id, now);
    } catch {
      // A disk that takes nothing shuts nobody out.
    }
    return p;
  };
  const personOf = (access: Access, c: Claim, via: Person['via']): Person | undefined => {
    const now = clock.now();
    if (c.until <= now) return undefined;
    if (c.sub === LOCAL) return { id: LOCAL, name: LOCAL, role: 'admin', via, until: c.until };
    const token = access.tokens.find((t) => t.id === c.sub && t.expiresAt > now);
    return token === undefined ? undefined : { id: token.id, name: token.name, role: token.role, via, until: c.until };
  };
  const bearerOf = (access: Access, token: string): Person => {
    const entry = tokenEntry(access, token, clock.now());
    if (entry === undefined) throw denied('the token is unknown, expired or torn');
    return { id: entry.id, name: entry.name, role: entry.role, via: 'bearer', until: entry.expiresAt };
  };
  const useCode = (access: Access, code: string): Claim => {
    const now = clock.now();
    for (const [old, at] of used) if (at < now) used.delete(old);
    if (!isLoginCode(access.key, code, now) || used.has(code))
      throw denied('the code is unknown, used already or older than ten minutes');
    used.set(code, now + IDLE_MS);
    return { sub: LOCAL, until: now + IDLE_MS };
  };
  const useToken = (t: TokenEntry): Claim => ({ sub: t.id, until: Math.min(clock.now() + IDLE_MS, t.expiresAt) });
  return {
    who: (bearer, cookie) => {
      const access = accessOf(stateDir);
      const claim = cookie === undefined ? undefined : claimOf(access, cookie);
      const cookied = (): Person | undefined => (claim === undefined ? undefined : personOf(access, claim, 'cookie'));
      const person = bearer === undefined ? cookied() : bearerOf(access, bearer);
      return person === undefined ? undefined : note(person);
    },
    signIn: (secret) => {
      const access = accessOf(stateDir);
      const token = isToken(secret) ? tokenEntry(access, secret, clock.now()) : undefined;
      const claim = token === undefined ? useCode(access, secret) : useToken(token);
      const person = personOf(access, claim, 'cookie');
      if (person === undefined) throw denied('the sign-in is over');
      return { value: cookieOf(access, claim), person };
    },
    renewed: (cookie) => {
      const access = accessOf(stateDir);
      const claim = cookie === undefined ? undefined : claimOf(access, cookie);
      if (claim === undefined || claim.sub !== LOCAL) return undefined;
      const until = clock.now() + IDLE_MS;
      return until - claim.until < RENEW_MS ? undefined : cookieOf(access, { ...claim, until });
    },
  };
}
