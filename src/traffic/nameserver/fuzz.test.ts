import dnsPacket from 'dns-packet';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { HOST, snapshot } from '../machine/fixtures.ts';
import { worldOf } from '../machine/world.ts';
import { createResponder } from './responder.ts';
import { createRing } from './ring.ts';
import { compileZone } from './zone.ts';

const shot = snapshot();
const zone = compileZone(shot, worldOf(shot, { health: {}, names: {}, load: {}, now: 0 }));
const responder = createResponder({ zone: () => zone, now: () => 1000, ring: createRing(16), perSecond: 1e9 });

const seeds = [
  { type: 'A' as const, name: HOST },
  { type: 'TXT' as const, name: `a.b.${HOST}` },
].map((q) =>
  dnsPacket.encode({
    type: 'query',
    id: 7,
    questions: [q],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [{ code: 8, ip: '198.19.103.0', family: 1, sourcePrefixLength: 24, scopePrefixLength: 0 }],
      },
    ],
  }),
);

const mutated = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
    fc.nat(120),
    fc.uint8Array({ maxLength: 12 }),
  )
  .map(([seed, edits, cutAt, extra]) => {
    const out = Buffer.from(seed);
    for (const [at, byte] of edits) out[at % out.length] = byte;
    return Buffer.concat([out.subarray(0, cutAt > 100 ? out.length : cutAt % (out.length + 1)), extra]);
  });

function harmless(packet: Buffer): void {
  const udp = responder.reply(packet, { v: 4, n: 1 }, false);
  const replyTo = packet.length >= 12 && (packet[2] ?? 0) < 0x80;
  expect(udp !== undefined).toBe(replyTo);
  if (udp === undefined) return;
  const back = dnsPacket.decode(udp);
  expect(back.id).toBe(packet.readUInt16BE(0));
  expect(udp.length).toBeLessThanOrEqual(1232);
  expect(responder.reply(udp, { v: 4, n: 1 }, false)).toBeUndefined();
}

it('survives mutated packets: no throw, no reply to a reply, every reply decodes within its limit', () => {
  fc.assert(fc.property(mutated, harmless), { numRuns: 20_000 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => harmless(Buffer.from(bytes))),
    { numRuns: 5000 },
  );
  expect(responder.counters.bug).toBeUndefined();
});

it('refuses a packet of many questions before decoding it', () => {
  const heavy = Buffer.concat([Buffer.from('0001000000a10000000000000161', 'hex'), Buffer.alloc(60_000, 0xc0)]);
  const start = performance.now();
  for (let i = 0; i < 1000; i++) responder.reply(heavy, { v: 4, n: 1 }, true);
  expect(performance.now() - start).toBeLessThan(500);
});
