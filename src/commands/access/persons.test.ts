import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../config/index.ts';
import { memoryStore } from '../../kernel/index.ts';
import { offer, settle, typed } from '../book/links.ts';
import { callerName, personFor } from './persons.ts';
import { policyOf } from './policy.ts';

const configWith = (more: object) =>
  checkConfig(
    {
      fleet: 'demo',
      accounts: { aws: { account: '123456789012' } },
      clusters: { sao: { cloud: 'aws', region: 'sa-east-1' } },
      apps: { shop: { manifests: ['m'] } },
      ...more,
    },
    '/x/tradewind.yaml',
    '',
  );
const ruled = configWith({ people: { ana: { accounts: ['os:ana', 'slack:T1:UA'] }, bo: { accounts: ['os:bo'] } } });
const caller = (platform: string, tenant: string, actor: string) => ({
  door: 'x',
  identity: { platform, tenant, actor },
});

describe('the name of who sends a command', () => {
  const book = memoryStore();
  const nameIn = (config: typeof ruled, c: ReturnType<typeof caller>) =>
    callerName({ config: async () => config, book: () => book }, c);

  it('is the person by the config or by a link, as the gate finds them', async () => {
    const github = caller('github', '', '101');
    expect(await nameIn(ruled, github)).toBe('github:101');
    await offer(book, { code: 'A', person: 'bo', now: 0 });
    await typed(book, { code: 'A', identity: github.identity, now: 1 });
    expect(await nameIn(ruled, github)).toBe('github:101');
    await settle(book, { code: 'A', yes: true, now: 2 });
    const all = [caller('os', '', 'ana'), caller('slack', 'T1', 'UA'), caller('slack', 'T2', 'UA'), github];
    expect(await Promise.all(all.map((c) => nameIn(ruled, c)))).toEqual(['ana', 'ana', 'slack:T2:UA', 'bo']);
    const policy = policyOf(ruled);
    if (policy === undefined) throw new Error('there are people');
    for (const c of [all[0], all[1], github])
      expect(await nameIn(ruled, c as typeof github)).toBe((await personFor(book, policy, c as typeof github)).name);
    // The link stays, but nobody of that name is in the config any more.
    const without = configWith({ people: { ana: { accounts: ['os:ana'] } } });
    expect(await nameIn(without, github)).toBe('github:101');
    await expect(personFor(book, policyOf(without) ?? policy, github)).rejects.toThrow(/TW6301.*linked to bo/);
  });

  it('is the login of this machine where there are no people, and an account where nothing can be read', async () => {
    expect(await nameIn(configWith({}), caller('os', '', 'ana'))).toBe('ana');
    expect(await nameIn(configWith({}), caller('slack', 'T1', 'UA'))).toBe('slack:T1:UA');
    const broken = { config: () => Promise.reject(new Error('no config')), book: () => book };
    expect(await callerName(broken, caller('slack', 'T1', 'UA'))).toBe('slack:T1:UA');
  });
});
