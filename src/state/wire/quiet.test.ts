import { expect, it } from 'vitest';
import { encode } from '../resp/values.ts';
import { quieted } from './quiet.ts';

const ack = (offset: number): Buffer => encode(['REPLCONF', 'ACK', offset]);

it('acknowledgements lose their offset, however the bytes are cut; all else is as it was', () => {
  const hello = [encode(['AUTH', 'tw-repl', 'x']), encode(['REPLCONF', 'capa', 'eof']), encode(['PSYNC', '?', -1])];
  const said = Buffer.concat([...hello, ack(917), encode(['replconf', 'ack', 12, 'FACK', 11])]);
  for (let cut = 0; cut <= said.length; cut++) {
    const q = quieted();
    const out = Buffer.concat([q(said.subarray(0, cut)), q(said.subarray(cut))]);
    expect(out).toEqual(Buffer.concat([...hello, ack(0), ack(0)]));
  }
});

it('a replica that loads goes on saying that it lives', () => {
  const q = quieted();
  expect(String(q(Buffer.from('\n')))).toBe('\n');
  expect(q(Buffer.concat([Buffer.from('\n'), ack(5)]))).toEqual(Buffer.concat([Buffer.from('\n'), ack(0)]));
});

it('bytes that are no commands are not passed on', () => {
  expect(() => quieted()(Buffer.from('*1\r\n:5\r\n'))).toThrow('Protocol error');
});
