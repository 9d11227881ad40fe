import ipaddr from 'ipaddr.js';
import { fault } from '../../kernel/index.ts';

/** An IPv4 network: `base` is the network address as a number, `size` the count of addresses. */
interface Net {
  base: number;
  size: number;
}

const toNumber = (ip: string): number =>
  ipaddr.IPv4.parse(ip)
    .toByteArray()
    .reduce((n, byte) => n * 256 + byte, 0);
const toIp = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join('.');

export function netOf(cidr: string): Net {
  try {
    const [, bits] = ipaddr.IPv4.parseCIDR(cidr);
    return { base: toNumber(ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()), size: 2 ** (32 - bits) };
  } catch (cause) {
    throw fault('TW9006', { value: cidr, cause, why: ['an IPv4 network such as 10.10.0.0/16'] });
  }
}

export function overlaps(a: string, b: string): boolean {
  const [x, y] = [netOf(a), netOf(b)];
  return x.base < y.base + y.size && y.base < x.base + x.size;
}

/** A control plane has the tenth address of the last 256 of its nodes' network; the first address is the gateway. */
export function controlPlaneIp(nodeCidr: string): string {
  const net = netOf(nodeCidr);
  if (net.size < 8) throw fault('TW9006', { value: nodeCidr, why: ['a nodes network needs at least a /29'] });
  return toIp(net.base + (net.size >= 256 ? net.size - 246 : net.size - 2));
}

/** The lowest free node address; nodes start at the eleventh, after the gateway and what clouds reserve. */
export function nextNodeIp(nodeCidr: string, taken: Iterable<string>): string {
  const net = netOf(nodeCidr);
  const used = new Set([...taken, controlPlaneIp(nodeCidr)]);
  for (let n = net.base + (net.size >= 32 ? 11 : 2); n < net.base + net.size - 1; n++) {
    const ip = toIp(n);
    if (!used.has(ip)) return ip;
  }
  throw fault('TW9006', { value: nodeCidr, why: [`all ${used.size} addresses of the nodes network are in use`] });
}

/** The lowest free API endpoint address of region `index`: 198.18.C.10 to .99. */
export function nextEndpointIp(index: number, taken: Iterable<string>): string {
  const used = new Set(taken);
  for (let k = 10; k < 100; k++) {
    const ip = `198.18.${index}.${k}`;
    if (!used.has(ip)) return ip;
  }
  throw fault('TW9006', { value: `198.18.${index}.0/24`, why: ['90 API endpoints in one region are in use'] });
}

/** The address of the cluster's DNS service: the tenth of the service network. */
export function clusterDnsIp(serviceCidr: string): string {
  return toIp(netOf(serviceCidr).base + 10);
}
