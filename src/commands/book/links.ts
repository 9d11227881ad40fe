import { digest, fault, type Store } from '../../kernel/index.ts';
import { accountOf, type Identity } from '../access/model.ts';
import { all, amend } from './amend.ts';

/** A one-time code: who wants to link, and which account answered. */
export interface Link {
  person: string;
  until: number;
  state: 'shown' | 'typed' | 'linked' | 'refused';
  account: string | null;
}
interface Linked {
  account: string;
  person: string;
  at: number;
}

const CODES = 'link/code/';
const ACCOUNTS = 'link/account/';
const TRIES = 'link/tries/';
const codeKey = (code: string): string => `${CODES}${digest(code.toUpperCase()).slice(7, 39)}`;
const accountKey = (account: string): string => `${ACCOUNTS}${digest(account).slice(7, 39)}`;

const LIVES_MS = 10 * 60_000;
const HOUR_MS = 3_600_000;
const TRIES_PER_HOUR = 5;

/** A code that lives for ten minutes. `code` is random and long enough not to be guessed. */
export async function offer(store: Store, x: { code: string; person: string; now: number }): Promise<Link> {
  const link: Link = { person: x.person, until: x.now + LIVES_MS, state: 'shown', account: null };
  return await amend<Link>(store, codeKey(x.code), () => link);
}

async function countTry(store: Store, account: string, now: number): Promise<void> {
  await amend<{ at: readonly number[] }>(store, `${TRIES}${digest(account).slice(7, 39)}`, (held) => {
    const at = [...(held?.at ?? []).filter((t) => now - t < HOUR_MS)];
    if (at.length >= TRIES_PER_HOUR)
      throw fault('TW6302', { value: account, why: [`${TRIES_PER_HOUR} tries an hour; wait`] });
    return { at: [...at, now] };
  });
}

/** The account that types the code: the other side must still say yes. Throws TW6302. */
export async function typed(store: Store, x: { code: string; identity: Identity; now: number }): Promise<Link> {
  const account = accountOf(x.identity);
  await countTry(store, account, x.now);
  const key = codeKey(x.code);
  if ((await store.get(key)).revision === 0) throw fault('TW6302', { why: ['nobody was shown this code'] });
  return await amend<Link>(store, key, (l) => {
    if (l === undefined || x.now >= l.until) throw fault('TW6302', { why: ['it lives for 10 minutes'] });
    if (l.state !== 'shown') throw fault('TW6302', { why: ['it was used already'] });
    return { ...l, state: 'typed', account };
  });
}

export async function linkOf(store: Store, code: string): Promise<Link | undefined> {
  return (await store.get(codeKey(code))).value as Link | undefined;
}

/** The person who was shown the code says whether the account that typed it is theirs. Throws TW6302. */
export async function settle(store: Store, x: { code: string; yes: boolean; now: number }): Promise<Link> {
  const link = await amend<Link>(store, codeKey(x.code), (l) => {
    if (l === undefined || x.now >= l.until) throw fault('TW6302', { why: ['it lives for 10 minutes'] });
    if (l.state !== 'typed') throw fault('TW6302', { why: [`the code is ${l.state}`] });
    return { ...l, state: x.yes ? 'linked' : 'refused' };
  });
  const { account, person } = link;
  if (x.yes && account !== null)
    await amend<Linked>(store, accountKey(account), () => ({ account, person, at: x.now }));
  return link;
}

export const links = (store: Store): Promise<Linked[]> => all<Linked>(store, ACCOUNTS);

export async function linkedPerson(store: Store, i: Identity): Promise<string | undefined> {
  return ((await store.get(accountKey(accountOf(i)))).value as Linked | undefined)?.person;
}

/** Throws TW6302 when the account is not linked. */
export async function unlink(store: Store, account: string): Promise<void> {
  const key = accountKey(account);
  if ((await store.get(key)).revision === 0) throw fault('TW6302', { value: account, why: ['it is not linked'] });
  await store.txn({ if: [], put: [], remove: [key] });
}
