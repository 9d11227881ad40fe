// Three clouds that all write, on the emulated WAN.
import { setTimeout as delay } from 'node:timers/promises';
import { testCertificates } from '../../../src/state/testing/certificates.ts';
import { freePortAt, untilTrue } from '../../../src/state/testing/redis-process.ts';
import { CLOUDS, type Cloud, hostOf, Wan } from '../state-chaos/wan.ts';
import { Place } from './place.ts';

const LOOP = '127.0.0.1';
const NET = 83;
let certificates: ReturnType<typeof testCertificates> | undefined;

export interface FleetOptions {
  /** Of the round trips; 1 = 120, 205 and 310 ms. */
  scale: number;
  outboxMax?: number;
  keepMs?: number;
  /** Agents note when entries pass them. */
  stages?: boolean;
}

export class Fleet {
  readonly wan: Wan;
  readonly places: readonly Place[];
  readonly notes: string[];

  private constructor(wan: Wan, places: readonly Place[], notes: string[]) {
    this.wan = wan;
    this.places = places;
    this.notes = notes;
  }

  static async start({ scale, ...more }: FleetOptions): Promise<Fleet> {
    const wan = new Wan(scale);
    certificates ??= testCertificates(CLOUDS);
    const wires = new Map<Cloud, number>();
    for (const c of CLOUDS) wires.set(c, await freePortAt(LOOP));
    const began = performance.now();
    const notes: string[] = [];
    const places: Place[] = [];
    for (const c of CLOUDS) {
      const others = CLOUDS.filter((o) => o !== c);
      const address = (o: Cloud) => ({ host: hostOf(o, NET), port: wires.get(o) ?? 0, localAddress: hostOf(c, NET) });
      const tls = certificates[c];
      if (tls === undefined) throw new Error('no certificate');
      const args = {
        me: c,
        peers: Object.fromEntries(others.map((o) => [o, address(o)])),
        tls,
        listen: { host: LOOP, port: wires.get(c) ?? 0 },
        redis: { host: LOOP, port: await freePortAt(LOOP) },
        ...more,
      };
      places.push(new Place(c, args, (line) => notes.push(`${Math.round(performance.now() - began)} ${line}`)));
      await wan.publish(c, wires.get(c) ?? 0, { net: NET });
    }
    const fleet = new Fleet(wan, places, notes);
    try {
      await Promise.all(places.map((p) => p.startRedis()));
      for (const p of places) p.startAgent();
      await fleet.open();
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  of(c: Cloud): Place {
    return this.places[CLOUDS.indexOf(c)] as Place;
  }

  /** Waits until all take writes. */
  async open(clouds: readonly Cloud[] = CLOUDS): Promise<void> {
    const all = async (): Promise<boolean> => {
      const reports = await Promise.all(clouds.map((c) => this.of(c).report()));
      return reports.every((r) => r?.open === true);
    };
    await untilTrue(`${clouds.join(', ')} are open`, all, 60_000);
  }

  /** Waits until every sender has reached its peer. */
  async linked(): Promise<void> {
    const all = async (): Promise<boolean> => {
      const reports = await Promise.all(this.places.map((p) => p.report()));
      return reports.every((r) => r !== undefined && Object.values(r.peers).every((peer) => peer.up));
    };
    await untilTrue('all senders are up', all, 60_000);
  }

  /** Waits until all have everything; throws with what the agents did. */
  async rest(): Promise<void> {
    const same = async (): Promise<boolean> => {
      const [first, ...more] = await Promise.all(this.places.map((p) => p.data()));
      return more.every((d) => d.vector === first?.vector);
    };
    await untilTrue('all have the same vector', same, 90_000).catch((error: unknown) => {
      throw new Error(this.notes.join('\n'), { cause: error });
    });
  }

  /** The data of all, read while nothing expired. */
  async data(): Promise<Record<string, string>[]> {
    for (;;) {
      const from = performance.now();
      const all = await Promise.all(this.places.map((p) => p.data()));
      const soonest = Math.min(...all.map((d) => d.expiresMs));
      if (soonest > performance.now() - from) return all.map((d) => d.keys);
      await delay(Math.max(0, soonest) + 20);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.places.map((p) => p.close()));
    await this.wan.close();
  }
}
