/** Behaviour of the nameserver on the wire. `TW_REGENERATE=1 npx vitest run test/transcripts/dns` writes the files anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import dnsPacket, { type Packet, type RecordType } from 'dns-packet';
import { expect, it } from 'vitest';
import { down, edge, HOST, intent, SITES, snapshot } from '../../../src/traffic/machine/fixtures.ts';
import { parseIp } from '../../../src/traffic/machine/ip.ts';
import { worldOf } from '../../../src/traffic/machine/world.ts';
import type { HealthView, Snapshot } from '../../../src/traffic/model.ts';
import { createResponder } from '../../../src/traffic/nameserver/responder.ts';
import { createRing } from '../../../src/traffic/nameserver/ring.ts';
import { compileZone } from '../../../src/traffic/nameserver/zone.ts';
import { dig } from './dig.ts';

interface Step {
  say: string;
  packet: Buffer;
  from?: string;
  tcp?: boolean;
}
interface Script {
  file: string;
  about: string;
  snapshot?: Partial<Snapshot>;
  health?: HealthView;
  perSecond?: number;
  steps: Step[];
}

const BR = '198.19.101.2';
const AU = '198.19.103.2';
const opt = (size: number, options: unknown[] = [], over: object = {}) => ({
  type: 'OPT' as const,
  name: '.',
  udpPayloadSize: size,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options,
  ...over,
});
const ecs = (prefix: string, scope = 0) => {
  const [ip = '', bits] = prefix.split('/');
  const family = ip.includes(':') ? 2 : 1;
  return { code: 8, ip, family, sourcePrefixLength: Number(bits), scopePrefixLength: scope };
};
const rawEcs = (hex: string) => ({ code: 8, data: Buffer.from(hex, 'hex') });
const ask = (name: string, type: RecordType | 'ANY' | 'HTTPS', additionals: unknown[] = []): Buffer => {
  const questions = [{ name, type: type as RecordType }];
  return dnsPacket.encode({ type: 'query', id: 4242, questions, additionals } as Packet);
};
const patched = (packet: Buffer, at: number, hex: string): Buffer => {
  const out = Buffer.from(packet);
  Buffer.from(hex, 'hex').copy(out, at);
  return out;
};
/** The question's type replaced, for types dns-packet cannot encode. */
const typed = (name: string, type: number): Buffer => {
  const packet = ask(name, 'A');
  packet.writeUInt16BE(type, packet.length - 4);
  return packet;
};
const manySites: Partial<Snapshot> = {
  sites: SITES.map((s) => ({
    ...s,
    nameserver: {
      ip: '198.18.9.9',
      name: `${'long-label-of-a-nameserver-'.repeat(2)}.${'x'.repeat(60)}.${'y'.repeat(60)}.${s.cluster}.example`,
    },
  })),
};

const SCRIPTS: Script[] = [
  {
    file: 'answers',
    about: 'one cluster per answer, by the place of the client; letter case of the question is kept (0x20)',
    steps: [
      { say: 'a resolver in Brazil', packet: ask(HOST, 'A'), from: BR },
      { say: 'a resolver in Australia, mixed case', packet: ask('GuestBook.demo.TRADEwind.example', 'A'), from: AU },
      { say: 'a resolver nothing is known of: configured order', packet: ask(HOST, 'A'), from: '192.0.2.9' },
      { say: 'no IPv6 in that cluster: NODATA, never another cluster', packet: ask(HOST, 'AAAA'), from: BR },
    ],
  },
  {
    file: 'ecs',
    about: 'client subnet, RFC 7871',
    steps: [
      {
        say: 'the subnet wins over the source; scope is the largest uniform block',
        packet: ask(HOST, 'A', [opt(1232, [ecs('198.19.103.0/24')])]),
        from: BR,
      },
      {
        say: 'a subnet outside the map: scope shows how far the answer is uniform',
        packet: ask(HOST, 'A', [opt(1232, [ecs('10.1.2.0/24')])]),
        from: BR,
      },
      {
        say: 'source 0: answered by the source address, scope 0',
        packet: ask(HOST, 'A', [opt(1232, [ecs('0.0.0.0/0')])]),
        from: BR,
      },
      { say: 'IPv6 subnet', packet: ask(HOST, 'A', [opt(1232, [ecs('2001:db8::/48')])]), from: BR },
      {
        say: 'negative answers carry scope 0',
        packet: ask(HOST, 'AAAA', [opt(1232, [ecs('198.19.103.0/24')])]),
        from: BR,
      },
      {
        say: 'EDNS without a subnet: none in the reply',
        packet: ask(HOST, 'A', [opt(4096, [], { flag_do: true, flags: 0x8000 })]),
        from: BR,
      },
    ],
  },
  {
    file: 'ecs-malformed',
    about: 'client subnet that RFC 7871 section 7.1.2 answers with FORMERR',
    steps: [
      { say: 'bits set beyond the source length', packet: ask(HOST, 'A', [opt(1232, [rawEcs('00011700c61367')])]) },
      { say: 'too many octets', packet: ask(HOST, 'A', [opt(1232, [rawEcs('00011800c6136700')])]) },
      { say: 'too few octets', packet: ask(HOST, 'A', [opt(1232, [rawEcs('00011800c613')])]) },
      { say: 'family 3', packet: ask(HOST, 'A', [opt(1232, [rawEcs('00031800c61367')])]) },
      { say: 'scope in a query', packet: ask(HOST, 'A', [opt(1232, [ecs('198.19.103.0/24', 24)])]) },
      { say: 'source 33 of IPv4', packet: ask(HOST, 'A', [opt(1232, [rawEcs('00012100c613670000')])]) },
      { say: 'two subnets', packet: ask(HOST, 'A', [opt(1232, [ecs('10.0.0.0/8'), ecs('10.0.0.0/8')])]) },
    ],
  },
  {
    file: 'types',
    about: 'every unknown type at an existing name is NODATA with SOA',
    steps: [
      { say: 'TXT', packet: ask(HOST, 'TXT') },
      { say: 'CAA', packet: ask(HOST, 'CAA') },
      { say: 'HTTPS (type 65)', packet: typed(HOST, 65) },
      { say: 'SVCB (type 64)', packet: typed(HOST, 64) },
      { say: 'NS', packet: ask(HOST, 'NS') },
      { say: 'SOA', packet: ask(HOST, 'SOA') },
      { say: 'ANY: HINFO (RFC 8482)', packet: typed(HOST, 255) },
      { say: 'AXFR', packet: typed(HOST, 252), tcp: true },
    ],
  },
  {
    file: 'names',
    about: 'names that are no host',
    snapshot: { intents: [intent(), intent({ app: 'other', host: `a.b.${HOST}` })] },
    steps: [
      { say: 'below the host: NXDOMAIN with the SOA of the zone', packet: ask(`nothing.${HOST}`, 'A') },
      { say: 'between two hosts: NODATA, not NXDOMAIN (RFC 8020)', packet: ask(`b.${HOST}`, 'A') },
      { say: 'outside: REFUSED', packet: ask('www.example.org', 'A') },
      { say: 'the zone that delegates to us is not ours', packet: ask('demo.tradewind.example', 'SOA') },
      { say: 'class CH', packet: patched(ask(HOST, 'A'), ask(HOST, 'A').length - 2, '0003') },
    ],
  },
  {
    file: 'wire',
    about: 'what must not be answered, or not as asked',
    steps: [
      { say: 'a reply: dropped, or two servers would talk for ever', packet: patched(ask(HOST, 'A'), 2, '8000') },
      { say: 'eleven bytes: dropped', packet: ask(HOST, 'A').subarray(0, 11) },
      { say: 'QDCOUNT 2', packet: patched(ask(HOST, 'A'), 4, '0002') },
      { say: 'QDCOUNT 0', packet: patched(ask(HOST, 'A'), 4, '0000') },
      { say: 'an answer in a query', packet: patched(ask(HOST, 'A'), 6, '0001') },
      { say: 'a pointer in the question', packet: Buffer.from('109200000001000000000000c00c00010001', 'hex') },
      { say: 'a name without end', packet: Buffer.from('10920000000100000000000003777777', 'hex') },
      { say: 'two OPT records', packet: ask(HOST, 'A', [opt(1232), opt(1232)]) },
      { say: 'EDNS version 1: BADVERS', packet: ask(HOST, 'A', [opt(1232, [], { ednsVersion: 1 })]) },
      { say: 'opcode NOTIFY: NOTIMP', packet: patched(ask(HOST, 'A'), 2, '2000') },
      { say: 'RD is echoed, RA never set', packet: patched(ask(HOST, 'A'), 2, '0100') },
    ],
  },
  {
    file: 'size',
    about: 'too long for the client: TC and nothing else; over TCP the whole answer',
    snapshot: manySites,
    steps: [
      { say: 'UDP without EDNS: 512 bytes', packet: ask(HOST, 'NS') },
      { say: 'UDP, the client takes 4096: 1232 at most', packet: ask(HOST, 'NS', [opt(4096)]) },
      { say: 'UDP, the client says 100: 512 all the same', packet: ask(HOST, 'NS', [opt(100)]) },
      { say: 'TCP', packet: ask(HOST, 'NS'), tcp: true },
    ],
  },
  {
    file: 'flood',
    about: 'more than the limit per /24 and second: come over TCP',
    perSecond: 2,
    steps: [
      { say: 'first', packet: ask(HOST, 'A') },
      { say: 'second', packet: ask(HOST, 'A') },
      { say: 'third', packet: ask(HOST, 'A') },
      { say: 'another /24', packet: ask(HOST, 'A'), from: '192.0.2.1' },
      { say: 'TCP is not limited', packet: ask(HOST, 'A'), tcp: true },
    ],
  },
  {
    file: 'health',
    about: 'failover, fail-open and brakes',
    snapshot: { holds: [{ id: 'b', kind: 'brake', cluster: 'mtl', by: 'ana', why: 'bad build', since: 0 }] },
    health: { 'sao/guestbook': down() },
    steps: [{ say: 'sao is down, mtl braked: syd', packet: ask(HOST, 'A'), from: BR }],
  },
  {
    file: 'health-none',
    about: 'all down: answers stay, the braked one excluded',
    snapshot: { holds: [{ id: 'b', kind: 'brake', cluster: 'sao', by: 'ana', why: 'bad build', since: 0 }] },
    health: Object.fromEntries(SITES.map((s) => [`${s.cluster}/guestbook`, down()])),
    steps: [{ say: 'Brazil', packet: ask(HOST, 'A'), from: BR }],
  },
  {
    file: 'health-braked',
    about: 'every cluster braked: SERVFAIL, which is not kept',
    snapshot: {
      holds: SITES.map((s) => ({
        id: s.cluster,
        kind: 'brake' as const,
        cluster: s.cluster,
        by: 'ana',
        why: 'x',
        since: 0,
      })),
    },
    steps: [{ say: 'Brazil', packet: ask(HOST, 'A'), from: BR }],
  },
  {
    file: 'ipv6',
    about: 'one choice for A and AAAA',
    snapshot: {
      sites: SITES.map((s) => ({
        ...s,
        edges: { guestbook: edge({ v4: s.edges.guestbook?.v4 ?? [], v6: ['2001:db8::7'] }) },
      })),
    },
    steps: [
      { say: 'A', packet: ask(HOST, 'A'), from: AU },
      { say: 'AAAA', packet: ask(HOST, 'AAAA'), from: AU },
    ],
  },
];

function play(s: Script): string {
  const shot = snapshot(s.snapshot ?? {});
  const zone = compileZone(shot, worldOf(shot, { health: s.health ?? {}, names: {}, load: {}, now: 0 }));
  const limit = s.perSecond === undefined ? {} : { perSecond: s.perSecond };
  const responder = createResponder({ zone: () => zone, now: () => 0, ring: createRing(8), ...limit });
  const steps = s.steps.map(({ say, packet, from, tcp }) => {
    const source = parseIp(from ?? BR) ?? { v: 4 as const, n: 0 };
    const reply = responder.reply(packet, source, tcp ?? false);
    const shown = reply === undefined ? [';; no reply'] : dig(reply);
    return [`# ${say}${tcp ? ' (TCP)' : ''}`, ...shown, ''].join('\n');
  });
  return `## ${s.about}\n\n${steps.join('\n')}`;
}

it.each(SCRIPTS)('$file: $about', (script) => {
  const file = fileURLToPath(new URL(`./${script.file}.txt`, import.meta.url));
  const now = play(script);
  if (process.env.TW_REGENERATE === '1') writeFileSync(file, now);
  expect(now).toBe(readFileSync(file, 'utf8'));
});
