import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from './index.ts';

const base = {
  fleet: 'shop',
  accounts: { aws: { account: '123456789012' } },
  clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
  apps: { shop: { manifests: ['./k8s'] } },
};
const people = { anna: { accounts: ['os:anna'], groups: ['dev'] }, bob: { groups: ['dev'] } };
const faults = (more: object): string => {
  try {
    checkConfig({ ...base, ...more }, '/x/tradewind.yaml', '');
    return 'none';
  } catch (error) {
    return JSON.stringify((error as { problem?: object }).problem ?? String(error));
  }
};

describe('people, rights, approvals', () => {
  it('are absent by default, and complete when they are there', () => {
    expect(faults({})).toBe('none');
    const rights = [{ who: ['dev'], may: ['look', 'forward'], apps: ['shop'], clusters: ['cloud:aws'] }];
    expect(faults({ people, rights, approvals: [{ quorum: 2, from: ['dev'] }] })).toBe('none');
  });

  it('the example of the how-to is a config', () => {
    const page = readFileSync(new URL('../../docs/how-to/people-and-approvals.md', import.meta.url), 'utf8');
    const block = (/```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/\/\/.*$/gm, '');
    expect(faults({ ...(parse(block) as object), apps: { guestbook: { manifests: ['./k8s'] } } })).toBe('none');
  });

  it.each([
    [
      'a misspelt group',
      { people, rights: [{ who: ['dve'], may: ['look'] }] },
      'rights.0.who: nobody and no group is called "dve"',
    ],
    [
      'a misspelt app',
      { people, rights: [{ who: ['dev'], may: ['look'], apps: ['shpo'] }] },
      'rights.0.apps: the fleet has no app "shpo"',
    ],
    [
      'an unknown cluster',
      { people, approvals: [{ quorum: 0, clusters: ['region:x'] }] },
      'approvals.0.clusters: the fleet has no cluster "region:x"',
    ],
    [
      'a quorum nobody can reach',
      { people, approvals: [{ quorum: 3, from: ['dev'] }] },
      'approvals.0.quorum: 3 are wanted, `from` has 2',
    ],
    [
      'one account of two persons',
      { people: { ...people, carl: { accounts: ['os:anna'] } } },
      'people.carl.accounts: "os:anna" is an account of anna already',
    ],
    [
      'a group called like a person',
      { people: { ...people, carl: { groups: ['anna'] } } },
      'people.carl.groups: "anna" is a person, not a group',
    ],
    ['rights of nobody', { rights: [] }, 'rights: means nothing without `people`'],
    [
      'a time that is none',
      { people, approvals: [{ quorum: 1, ttl: 'soon' }] },
      'approvals.0.ttl: a duration such as 30m',
    ],
  ])('%s', (_, more, wrong) => {
    for (const part of wrong.split(': ')) expect(faults(more)).toContain(JSON.stringify(part).slice(1, -1));
  });
});
