import { randomBytes } from 'node:crypto';
import { madeOnce, problemOf } from '../kernel/index.ts';
import { makeKeys, type TrafficKeys } from '../traffic/index.ts';

/** Secrets of one fleet on this machine: they sign snapshots and key the digests of Secret values. */
export interface FleetKeys {
  traffic: TrafficKeys;
  /** Hex; HMAC key of Secret values in plan ids. */
  values: string;
}

/**
 * Reads the keys, or makes them once; the file is the owner's alone. Where the disk takes nothing they are this
 * process's own: it can only look, what it signed nobody would know.
 */
export function fleetKeys(path: string): FleetKeys {
  const make = (): FleetKeys => ({ traffic: makeKeys(), values: randomBytes(32).toString('hex') });
  try {
    return JSON.parse(madeOnce(path, () => JSON.stringify(make()))) as FleetKeys;
  } catch (error) {
    if (problemOf(error).code !== 'TW8010') throw error;
    return make();
  }
}
