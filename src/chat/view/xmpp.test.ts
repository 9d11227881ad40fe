import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from '../../config/index.ts';
import { liveIn } from '../testing/prosody-person.ts';
import { view } from '../transport.contract.ts';
import { inert, movedText, typedInXmpp, xmppText } from './xmpp.ts';

/** Everything that opens something somewhere, and pieces of words between. */
const PIECES = [
  ...['*', '_', '~', '`', '```', '>', '/me ', '@', '://', ':', '.', 'www.', 'http://', 'xmpp:', 'mailto:', 'geo:'],
  ...[
    'evil',
    'example',
    'ana',
    ' ',
    '\n',
    '\t',
    '\u0000',
    '\u001b[31m',
    '\u202e',
    '\u200b',
    '\u061c',
    '\ufffe',
    '\ud800',
  ],
  ...['\u3002', '\uff0e', 'б', '漢', '🚀', '\udbff\udfff', ':rocket:', '<a href="x">', '&amp;', ']]>', '12', '-'],
];
const words = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 4 })), {
  maxLength: 30,
});
/** What XML 1.0 has room for. */
const LEGAL = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;

describe('words from outside in an XMPP message', () => {
  it('are neither markup nor links, end no connection and forge no line', () => {
    fc.assert(
      fc.property(words, words, (a, b) => {
        const [x, y] = [a.join(''), b.join('')];
        const buttons = [{ label: x, line: `deny ${y}`, kind: 'stop' as const }];
        const card = view({
          line: x,
          by: y,
          state: x,
          notes: [x, y],
          rows: [{ mark: '✗', label: x, cells: y }],
          buttons,
        });
        const text = xmppText(card);
        expect(liveIn(text)).toEqual([]);
        expect(liveIn(movedText(card))).toEqual([]);
        expect(text).toMatch(LEGAL);
        expect(text.isWellFormed()).toBe(true);
        expect(text.split('\n')).toHaveLength(5);
      }),
      { numRuns: 3000 },
    );
  });

  it('read as they were', () => {
    expect(inert('see *http://evil.example* at 12:30, v1.2.3').replaceAll('\u2060', '')).toBe(
      'see *http://evil.example* at 12:30, v1.2.3',
    );
  });
});

describe('lines to type', () => {
  it('stand below as they are typed, once', () => {
    const approve = { label: 'Approve', line: 'approve a-3f09c2d81b7e', kind: 'go' as const };
    const notes = [
      'Somebody else looks and says yes: tw approve a-3f09c2d81b7e',
      'Then: tw release shop@v1.2 --plan r-1',
    ];
    const pause = { label: 'Pause', line: 'pause shop', kind: 'stop' as const };
    expect(
      xmppText(view({ notes, buttons: [approve, pause] }))
        .split('\n')
        .slice(2),
    ).toEqual([
      'Somebody else looks and says yes: !tw approve a-3f09c2d81b7e',
      'Then: !tw release shop@v1.2 --plan r-1',
      'Pause: !tw pause shop',
    ]);
  });

  it('are the first line after !tw and nothing else', () => {
    expect(typedInXmpp('!tw release shop\u2060@v2\nmore')).toBe('release shop@v2');
    expect(typedInXmpp('!tw')).toBe('');
    for (const talk of [
      'tw status',
      ' !tw status',
      '> !tw status',
      '!twice',
      'so !tw status',
      '\uff01tw status',
      '!tw\u00a0x',
    ])
      expect(typedInXmpp(talk), talk).toBeUndefined();
  });
});

it('the example of the how-to is a config', () => {
  const page = readFileSync(new URL('../../../docs/how-to/xmpp.md', import.meta.url), 'utf8');
  const block = (/```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/\/\/.*$/gm, '');
  const base = {
    fleet: 'shop',
    accounts: { aws: { account: '111122223333' } },
    clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
  };
  const config = checkConfig({ ...base, ...(parse(block) as object) }, '/x/tradewind.yaml', '');
  expect(config.chat?.xmpp?.nick).toBe('tradewind');
});
