import { userInfo } from 'node:os';
import { fault, type Store } from '../../kernel/index.ts';
import { linkedPerson } from '../book/links.ts';
import { personOf } from './machine/rights.ts';
import { accountOf, type Caller, type Person, type Policy } from './model.ts';

/** The person at this terminal, as the operating system knows them. */
export function terminal(): Caller {
  return { door: 'cli', identity: { platform: 'os', tenant: '', actor: userInfo().username } };
}

function inConfig(policy: Policy, account: string): string | undefined {
  return Object.keys(policy.people).find((name) => policy.people[name]?.accounts.includes(account));
}

/** The person an account belongs to: the config says so, or a link that both sides made. Throws TW6301. */
export async function personFor(store: Store, policy: Policy, caller: Caller): Promise<Person> {
  const account = accountOf(caller.identity);
  const name = inConfig(policy, account) ?? (await linkedPerson(store, caller.identity));
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
