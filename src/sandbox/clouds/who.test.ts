import { describe, expect, test } from 'vitest';
import { accountsOf, fakeCredentials } from './credentials.ts';
import type { Obj } from './model.ts';
import { callError, configureError, type Meta, whoOf } from './who.ts';

const NAMED = {
  aws: { account: '999988887777' },
  azure: { subscription: '0000aaaa-0000-4000-8000-00000000000a', tenant: '0000bbbb-0000-4000-8000-00000000000b' },
  gcp: { project: 'mill-42' },
};
const a = accountsOf(3, NAMED);
const env = fakeCredentials(3, NAMED).env;
const meta = (provider: Meta['provider'], config: Obj): Meta => ({ provider, caller: 'c'.repeat(20), config, env });
const told = (provider: Meta['provider'], config: Obj): string => {
  const m = meta(provider, config);
  return (configureError(m, a, []) ?? callError(m, a, []))?.message ?? 'ok';
};

describe('the accounts of the config', () => {
  test('are the ones that the clouds know', () => {
    expect(told('aws', { allowed_account_ids: ['999988887777'] })).toBe('ok');
    expect(whoOf(meta('aws', {}), a)).toMatchObject({
      account: '999988887777',
      principal: 'arn:aws:iam::999988887777:user/tradewind',
    });
    expect(told('azurerm', { subscription_id: NAMED.azure.subscription, tenant_id: NAMED.azure.tenant })).toBe('ok');
    expect(told('google', { project: 'mill-42' })).toBe('ok');
    expect(JSON.parse(env.GOOGLE_CREDENTIALS ?? '')).toMatchObject({
      project_id: 'mill-42',
      client_email: 'tradewind@mill-42.iam.gserviceaccount.com',
    });
  });

  test('a provider block that names another account, subscription, tenant or project fails as in life', () => {
    expect(told('aws', { allowed_account_ids: ['111122223333'] })).toBe('AWS account ID not allowed: 999988887777');
    expect(told('azurerm', { subscription_id: 'other' })).toMatch(/SubscriptionNotFound: The subscription 'other'/);
    expect(told('azurerm', { tenant_id: 'other' })).toMatch(/AADSTS90002: Tenant 'other' not found/);
    expect(told('google', { project: 'other' })).toMatch(/403: Permission denied on resource project other/);
  });

  test('without names there are fixed ones; a cloud that is named leaves the others alone', () => {
    expect(accountsOf(3).aws.account).toBe('111122223333');
    expect(accountsOf(3, { gcp: { project: 'p' } })).toMatchObject({
      aws: accountsOf(3).aws,
      azure: accountsOf(3).azure,
      google: { project: 'p' },
    });
  });

  test('their names change no key', () => {
    expect(a.aws.secretKey).toBe(accountsOf(3).aws.secretKey);
  });
});
