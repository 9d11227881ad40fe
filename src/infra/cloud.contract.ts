import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CloudPort, Spot } from './cloud.ts';
import { sortLeftovers } from './sweep.ts';

export interface CloudUnderTest {
  port: CloudPort;
  /** A cluster `demo-one` stands or stood here; its controllers left load balancers and one volume behind. */
  spot: Spot;
  /** A machine type that every zone of the region offers, and its vCPU. */
  type: string;
  vcpu: number;
  /** The same cloud with credentials that it refuses. */
  refused: CloudPort;
  close(): Promise<void>;
}

/** What every cloud promises, the twin included. */
export function cloudContract(name: string, open: () => Promise<CloudUnderTest>): void {
  describe(`CloudPort: ${name}`, () => {
    let t: CloudUnderTest;
    beforeAll(async () => {
      t = await open();
    });
    afterAll(async () => await t.close());

    it('says which account the credentials open', async () => {
      expect((await t.port.identity(t.spot)).account).toBe(t.spot.account);
    });

    it('never lets a foreign account pass', async () => {
      const foreign = { ...t.spot, account: 'nobody-99' };
      const said = await t.port.identity(foreign).then(
        (i) => i.account,
        (e: { status?: number }) => e.status,
      );
      expect([t.spot.account, 403, 404]).toContain(said);
      expect(said).not.toBe('nobody-99');
    });

    it('offers a machine type per zone; what is not offered is not there', async () => {
      const offers = await t.port.offers(t.spot, [t.type, 'no-such-type']);
      expect(new Set(offers.map((o) => o.type))).toEqual(new Set([t.type]));
      expect(new Set(offers.map((o) => o.zone)).size).toBeGreaterThanOrEqual(2);
      expect(offers.every((o) => o.vcpu === t.vcpu)).toBe(true);
    });

    it('counts what runs against its limits', async () => {
      const quotas = await t.port.quotas(t.spot);
      expect(quotas.length).toBeGreaterThan(0);
      for (const q of quotas) {
        expect(q.limit).toBeGreaterThan(0);
        expect(q.used).toBeGreaterThanOrEqual(0);
      }
      expect(Math.max(...quotas.map((q) => q.used))).toBeGreaterThanOrEqual(t.vcpu);
    });

    it('names Kubernetes versions by minor', async () => {
      expect(await t.port.versions(t.spot)).toContain('1.36');
    });

    it('refused credentials reject every call: unknown is never "nothing"', async () => {
      const calls = [
        t.refused.identity(t.spot),
        t.refused.offers(t.spot, [t.type]),
        t.refused.quotas(t.spot),
        t.refused.versions(t.spot),
        t.refused.leftovers(t.spot),
      ];
      const ended = await Promise.allSettled(calls);
      expect(ended.map((r) => r.status)).toEqual(calls.map(() => 'rejected'));
    });

    it('shows no leftovers of another cluster', async () => {
      expect(await t.port.leftovers({ ...t.spot, cluster: 'two' })).toEqual([]);
    });

    it('finds what is left, deletes what lies inside, and lists the volume only', async () => {
      const found = await t.port.leftovers(t.spot);
      const sorted = sortLeftovers(found, t.spot.fleet, t.spot.cluster);
      expect(sorted.remove.length).toBeGreaterThan(0);
      expect(found.every((l) => l.cluster === 'one' && l.id !== '' && l.kind !== '')).toBe(true);
      // in no order, as the sweep does: what is in the way of another waits for it
      await Promise.all(sorted.remove.map((l) => t.port.remove(t.spot, l)));
      const left = await t.port.leftovers(t.spot);
      expect(sortLeftovers(left, t.spot.fleet, t.spot.cluster).remove).toEqual([]);
      expect(left).toEqual(sorted.keep);
    });

    it('deleting what is gone is no error', async () => {
      const gone = { cluster: 'one', kind: 'load balancer', id: GONE[t.spot.cloud], inside: true, tags: {} };
      await expect(t.port.remove(t.spot, gone)).resolves.toBeUndefined();
    });
  });
}

const GONE: Record<Spot['cloud'], string> = {
  aws: 'arn:aws:elasticloadbalancing:sa-east-1:111122223333:loadbalancer/net/gone/0123456789abcdef',
  azure:
    '/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/gone/providers/Microsoft.Network/loadBalancers/gone',
  gcp: 'projects/tradewind-demo/regions/australia-southeast1/forwardingRules/gone',
};
