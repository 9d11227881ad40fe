import { expect, it } from 'vitest';
import { TW5_GATEWAY } from '../../kernel/errors/tw5-gateway.ts';
import { CATALOGUE } from '../../kernel/index.ts';
import { BUSY, full, noQuorum, refused, UNKNOWN } from './says.ts';

const SAID: Readonly<Record<keyof typeof TW5_GATEWAY, readonly [string, Buffer]>> = {
  TW5101: [
    '-TWREFUSED TW5101 LTRIM: not convergent; use single-writer',
    refused('LTRIM', 'not convergent; use single-writer'),
  ],
  TW5102: ['-TWUNKNOWN TW5102 at home, second copy not confirmed; it may appear once or not', UNKNOWN],
  TW5103: ['-TWNOQUORUM TW5103 no home takes writes now; nothing written (au is silent)', noQuorum('au is silent')],
  TW5104: ['-TWBUSY TW5104 too many writes wait for a home; nothing written', BUSY],
};

it.each(Object.entries(TW5_GATEWAY))('%s is said to the app word for word, and is in the catalogue', (code, entry) => {
  const [text, said] = SAID[code as keyof typeof TW5_GATEWAY];
  expect(said.toString()).toBe(`${text}\r\n`);
  expect(CATALOGUE).toMatchObject({ [code]: entry });
  if (code !== 'TW5101') expect(text).toContain(entry.title);
});

it("TW5113 is said behind Redis' own word, with what is known", () => {
  const room = { used: 576 << 20, limit: 512 << 20 };
  expect(full('OOM', room).toString()).toBe('-OOM TW5113 the memory is full: 576.0 of 512.0 MiB; nothing written\r\n');
  expect(full('MISCONF', room).toString()).toBe('-MISCONF TW5113 the disk is full; nothing written\r\n');
});
