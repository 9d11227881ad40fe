import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeKeys, type TrafficKeys } from '../traffic/index.ts';

/** Secrets of one fleet on this machine: they sign snapshots and key the digests of Secret values. */
export interface FleetKeys {
  traffic: TrafficKeys;
  /** Hex; HMAC key of Secret values in plan ids. */
  values: string;
}

/** Reads the keys, or makes them once; the file is the owner's alone. */
export function fleetKeys(path: string): FleetKeys {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as FleetKeys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const keys: FleetKeys = { traffic: makeKeys(), values: randomBytes(32).toString('hex') };
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, JSON.stringify(keys), { mode: 0o600, flag: 'wx' });
  return keys;
}
