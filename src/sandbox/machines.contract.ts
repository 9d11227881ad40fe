import { describe, expect, test } from 'vitest';
import type { ClusterSeed, Machines, NodeSeed } from './machines.ts';

export const someCluster: ClusterSeed = {
  id: 'aws-demo-one',
  cluster: 'one',
  cloud: 'aws',
  region: 'sa-east-1',
  zones: ['sa-east-1a'],
  nodeCidr: '10.10.0.0/16',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.250.0.0/20',
  version: '1.36',
  dnsName: 'abc.gr7.sa-east-1.eks.amazonaws.com',
  issuer: 'https://oidc.eks.sa-east-1.amazonaws.com/id/ABC',
};
export const someNode: NodeSeed = {
  name: 'i-0abc',
  zone: 'sa-east-1a',
  instanceType: 't3.medium',
  cpu: 2,
  memoryBytes: 4 * 2 ** 30,
  labels: { a: 'b' },
  taints: [],
  providerId: 'aws:///sa-east-1a/i-0abc',
};

/** What every adapter of Machines must hold. */
export function machinesContract(
  name: string,
  make: () => Promise<{ machines: Machines; close(): Promise<void> }>,
): void {
  describe(`Machines: ${name}`, () => {
    const run = (what: string, body: (m: Machines) => Promise<void>) =>
      test(what, async () => {
        const { machines, close } = await make();
        try {
          await body(machines);
        } finally {
          await close();
        }
      });

    run('boot answers access and repeats it', async (m) => {
      const first = await m.boot(someCluster);
      expect(first.endpointIp).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(atob(first.ca)).toContain('BEGIN CERTIFICATE');
      expect(first.version).toMatch(/^v1\.\d+/);
      expect(await m.boot(someCluster)).toEqual(first);
      expect(await m.health(someCluster.id)).toEqual({ ready: true });
      await m.remove(someCluster.id);
      await m.remove(someCluster.id);
      expect(await m.health(someCluster.id)).toEqual({ ready: false });
    });

    run('a node keeps its address and goes with its cluster', async (m) => {
      await m.boot(someCluster);
      const { ip } = await m.addNode(someCluster.id, someNode);
      expect(await m.addNode(someCluster.id, someNode)).toEqual({ ip });
      const other = await m.addNode(someCluster.id, { ...someNode, name: 'i-0def' });
      expect(other.ip).not.toBe(ip);
      await m.removeNode(someCluster.id, someNode.name);
      await m.removeNode(someCluster.id, someNode.name);
      await m.remove(someCluster.id);
    });

    run('a node of an unknown cluster is refused', async (m) => {
      await expect(m.addNode('aws-none', someNode)).rejects.toThrow(/aws-none/);
    });

    run('an address comes and goes', async (m) => {
      await m.vip({
        ip: '198.18.1.100',
        region: 'sa-east-1',
        ports: [{ proto: 'tcp', port: 80, targets: [{ ip: '10.10.0.11', port: 30080 }] }],
      });
      await m.vipGone('198.18.1.100');
      await m.vipGone('198.18.1.100');
    });
  });
}
