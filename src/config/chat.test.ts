import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from './index.ts';

const base = {
  fleet: 'shop',
  accounts: { aws: { account: '123456789012' } },
  clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
};
const people = { ana: { accounts: ['slack:T1:UA'] } };
const inLab = { ana: { accounts: ['lab:ana'] } };
const slack = { team: 'T1', botToken: { env: 'B' } };
const faults = (more: object): string => {
  try {
    checkConfig({ ...base, ...more }, '/x/tradewind.yaml', '');
    return 'none';
  } catch (error) {
    return JSON.stringify((error as { problem?: object }).problem ?? String(error));
  }
};

describe('chat', () => {
  it('the short examples of the how-to are configs', () => {
    const page = readFileSync(new URL('../../docs/how-to/chat.md', import.meta.url), 'utf8');
    const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map((m) => m[1] ?? '');
    const http = blocks.find((b) => b.startsWith('slack:')) ?? '';
    expect(faults({ people, chat: parse(`{${http}}`) as object })).toBe('none');
    const lab = blocks.find((b) => b.includes('lab: {}')) ?? '';
    expect(faults(parse(`{${lab}}`) as object)).toBe('none');
  });

  it.each([
    ['Slack by Socket Mode', { people, chat: { slack: { ...slack, appToken: { env: 'A' } } } }],
    ['Slack over HTTP', { people, chat: { slack: { ...slack, signingSecret: { env: 'S' } } } }],
    ['two secrets', { people, chat: { slack: { ...slack, signingSecret: [{ env: 'S' }, { file: '/s' }] } } }],
    ['a lab', { people: inLab, chat: { lab: {} } }],
  ])('%s is a config', (_, more) => expect(faults(more)).toBe('none'));

  it.each([
    ['Slack that is never heard', { people, chat: { slack } }, 'either appToken (Socket Mode) or signingSecret'],
    [
      'both ways at once',
      { people, chat: { slack: { ...slack, appToken: { env: 'A' }, signingSecret: { env: 'S' } } } },
      'either appToken (Socket Mode) or signingSecret',
    ],
    [
      'three secrets',
      { people, chat: { slack: { ...slack, signingSecret: [1, 2, 3].map((n) => ({ env: `S${n}` })) } } },
      'signingSecret',
    ],
    ['a secret in the config as it is', { people, chat: { slack: { ...slack, signingSecret: 'x' } } }, 'signingSecret'],
    ['a lab without people', { chat: { lab: {} } }, 'means nothing without `people`'],
    ['a lab with nobody in it', { people, chat: { lab: {} } }, 'nobody of `people` has an account lab:<name>'],
    ['a lab person without a lab', { people: inLab }, 'means nothing without `chat.lab`'],
    [
      'a lab over a cluster that stands',
      {
        people: inLab,
        chat: { lab: {} },
        clusters: { own: { cloud: 'existing', region: 'x', context: 'x', location: { lat: 0, lon: 0 } } },
      },
      'cannot simulate own',
    ],
  ])('%s is refused', (_, more, why) => expect(faults(more)).toContain(why));
});
