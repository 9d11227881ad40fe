import { userInfo } from 'node:os';
import type { Config } from '../../config/index.ts';
import { fault, type Store } from '../../kernel/index.ts';
import { linkedPerson } from '../book/links.ts';
import { personOf } from './machine/rights.ts';
import { accountOf, type Caller, type Identity, type Person, type Policy } from './model.ts';
import { policyOf } from './policy.ts';

/** The person at this terminal, as the operating system knows them. */
export function terminal(): Caller {
  return { door: 'cli', identity: { platform: 'os', tenant: '', actor: userInfo().username } };
}

function inConfig(policy: Policy, account: string): string | undefined {
  return Object.keys(policy.people).find((name) => policy.people[name]?.accounts.includes(account));
}

/** Whose account it is: the config says so, or a link that both sides made. */
const nameBehind = async (store: Store, policy: Policy, i: Identity): Promise<string | undefined> =>
  inConfig(policy, accountOf(i)) ?? (await linkedPerson(store, i));

/**
 * How everything that is shown or kept names the sender of a command: the person, as the gate finds them. An account
 * that is nobody's names itself, and where the config has no `people` the login of this machine does. Never throws.
 */
export async function callerName(
  c: { config(): Promise<Config>; book(): Store },
  { identity }: Pick<Caller, 'identity'>,
): Promise<string> {
  try {
    const policy = policyOf(await c.config());
    if (policy === undefined && identity.platform === 'os') return identity.actor;
    const name = policy === undefined ? undefined : await nameBehind(c.book(), policy, identity);
    return name !== undefined && policy?.people[name] !== undefined ? name : accountOf(identity);
  } catch {
    return accountOf(identity);
  }
}

/** The gate would find no person behind this account. Never throws. */
export const isNobody = async (c: Parameters<typeof callerName>[0], caller: Caller): Promise<boolean> =>
  (await callerName(c, caller)) === accountOf(caller.identity);

/** Throws TW6301. */
export async function personFor(store: Store, policy: Policy, caller: Caller): Promise<Person> {
  const account = accountOf(caller.identity);
  const name = await nameBehind(store, policy, caller.identity);
  const found = name === undefined ? undefined : personOf(policy, name);
  if (found !== undefined) return found;
  throw fault('TW6301', {
    value: account,
    why: [
      name === undefined
        ? `the config knows ${Object.keys(policy.people).join(', ')}, by other accounts`
        : `it was linked to ${name}, who is not in the config any more`,
    ],
    fix: [
      {
        say: `Add "${account}" to the accounts of a person in the config, or let a known person show a code:`,
        command: 'tw link',
      },
    ],
  });
}
