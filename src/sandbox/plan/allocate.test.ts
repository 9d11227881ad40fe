import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterDnsIp, controlPlaneIp, netOf, nextEndpointIp, nextNodeIp, overlaps } from './allocate.ts';

const toNumber = (ip: string): number => ip.split('.').reduce((n, b) => n * 256 + Number(b), 0);

describe('addresses', () => {
  it('are the fixed ones of the contract', () => {
    expect(controlPlaneIp('10.10.0.0/16')).toBe('10.10.255.10');
    expect(nextNodeIp('10.10.0.0/16', [])).toBe('10.10.0.11');
    expect(nextNodeIp('10.10.0.0/16', ['10.10.0.11', '10.10.0.13'])).toBe('10.10.0.12');
    expect(clusterDnsIp('10.250.0.0/20')).toBe('10.250.0.10');
    expect(nextEndpointIp(3, ['198.18.3.10'])).toBe('198.18.3.11');
  });

  it('say when there is none left', () => {
    const taken = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
    expect(() => nextNodeIp('10.0.0.0/29', taken)).toThrow(/TW9006/);
    expect(() => controlPlaneIp('10.0.0.0/30')).toThrow(/TW9006/);
    expect(() => netOf('10.0.0.0')).toThrow(/TW9006/);
  });

  it('lie inside the network, never on its edges, the gateway or each other', () => {
    const cidr = fc.tuple(
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 12, max: 29 }),
    );
    fc.assert(
      fc.property(cidr, fc.integer({ min: 1, max: 3 }), ([b, c, bits], nodes) => {
        const network = `10.${b}.${c}.0/${bits}`;
        const { base, size } = netOf(network);
        const got = [controlPlaneIp(network)];
        for (let i = 0; i < nodes; i++) got.push(nextNodeIp(network, got));
        expect(new Set(got).size).toBe(nodes + 1);
        for (const n of got.map(toNumber)) {
          expect(n).toBeGreaterThan(base + 1);
          expect(n).toBeLessThan(base + size - 1);
        }
      }),
    );
  });

  it('overlap only when they share an address', () => {
    expect(overlaps('10.10.0.0/16', '10.10.128.0/20')).toBe(true);
    expect(overlaps('10.10.0.0/16', '10.11.0.0/16')).toBe(false);
  });
});
