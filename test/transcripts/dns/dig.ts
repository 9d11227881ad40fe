import dnsPacket, { type Answer, type DecodedPacket, type OptAnswer } from 'dns-packet';

/** What the dns-packet types leave out. */
type Reply = DecodedPacket & { rcode?: string; opcode?: string };

function data(answer: Answer): string {
  const d: unknown = (answer as { data?: unknown }).data;
  if (answer.type === 'SOA') {
    const s = answer.data;
    return [s.mname, s.rname, s.serial, s.refresh, s.retry, s.expire, s.minimum].join(' ');
  }
  if (answer.type === 'HINFO') return `"${answer.data.cpu}" "${answer.data.os}"`;
  return typeof d === 'string' ? d : JSON.stringify(d);
}

const record = (a: Answer): string => `${a.name}.\t${(a as { ttl?: number }).ttl ?? 0}\tIN\t${a.type}\t${data(a)}`;

function section(name: string, records: readonly Answer[]): string[] {
  return records.length === 0 ? [] : ['', `;; ${name} SECTION:`, ...records.map(record)];
}

function optLines(opt: OptAnswer): string[] {
  const flags = opt.flag_do ? ' do' : '';
  const head = `; EDNS: version: ${opt.ednsVersion}, flags:${flags}; udp: ${opt.udpPayloadSize}`;
  const extended = opt.extendedRcode === 0 ? [] : [`; EXTENDED-RCODE: ${opt.extendedRcode}`];
  const subnets = opt.options.map((o) => {
    const e = o as { ip?: string; sourcePrefixLength?: number; scopePrefixLength?: number };
    return `; CLIENT-SUBNET: ${e.ip}/${e.sourcePrefixLength}/${e.scopePrefixLength}`;
  });
  return ['', ';; OPT PSEUDOSECTION:', head, ...extended, ...subnets];
}

/** A reply as `dig` would print it. */
export function dig(bytes: Buffer): string[] {
  const r: Reply = dnsPacket.decode(bytes);
  const flag = (on: boolean, name: string): string => (on ? ` ${name}` : '');
  const flags = flag(r.flag_qr, 'qr') + flag(r.flag_aa, 'aa') + flag(r.flag_tc, 'tc') + flag(r.flag_rd, 'rd');
  const opts = (r.additionals ?? []).filter((a): a is OptAnswer => a.type === 'OPT');
  const question = (r.questions ?? []).map((q) => `;${q.name}.\t\t${q.class ?? 'IN'}\t${q.type}`);
  return [
    `;; ->>HEADER<<- opcode: ${r.opcode}, status: ${r.rcode}, id: ${r.id}, ${bytes.length} bytes`,
    `;; flags:${flags}; QUERY: ${question.length}, ANSWER: ${r.answers?.length}, AUTHORITY: ${r.authorities?.length}`,
    ...opts.flatMap(optLines),
    ...(question.length === 0 ? [] : ['', ';; QUESTION SECTION:', ...question]),
    ...section('ANSWER', r.answers ?? []),
    ...section('AUTHORITY', r.authorities ?? []),
  ];
}
