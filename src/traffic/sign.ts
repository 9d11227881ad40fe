import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { canonical, toJson } from '../kernel/index.ts';
import type { SignedSnapshot, Snapshot } from './model.ts';

/** Kept by the caller; `publicKey` and `hmac` go to the nameservers, `privateKey` never does. PEM, PEM, hex. */
export interface TrafficKeys {
  privateKey: string;
  publicKey: string;
  hmac: string;
}

/** A new Ed25519 pair for snapshots and a shared key for the nameservers among themselves. */
export function makeKeys(): TrafficKeys {
  const pair = generateKeyPairSync('ed25519');
  return {
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    hmac: randomBytes(32).toString('hex'),
  };
}

export function signSnapshot(snapshot: Snapshot, privateKey: string): SignedSnapshot {
  const text = canonical(toJson(snapshot));
  return { text, signature: sign(null, Buffer.from(text), createPrivateKey(privateKey)).toString('base64') };
}

const looksLikeSnapshot = (v: unknown): v is Snapshot => {
  const s = v as Partial<Snapshot> | null;
  return (
    s?.format === 1 &&
    [s.term, s.seq].every((n) => Number.isSafeInteger(n)) &&
    [s.intents, s.sites, s.holds, s.voters, s.map?.rows].every((list) => Array.isArray(list))
  );
};

/** The snapshot inside, or undefined when the signature, the form or the fleet is wrong. */
export function verifySnapshot(signed: SignedSnapshot, publicKey: string, fleet: string): Snapshot | undefined {
  try {
    const good = verify(
      null,
      Buffer.from(signed.text),
      createPublicKey(publicKey),
      Buffer.from(signed.signature, 'base64'),
    );
    const snapshot: unknown = good ? JSON.parse(signed.text) : undefined;
    return looksLikeSnapshot(snapshot) && snapshot.fleet === fleet ? snapshot : undefined;
  } catch {
    return undefined;
  }
}

/** HMAC-SHA256 (hex) of a text for one purpose. */
export function mac(key: string, purpose: string, text: string): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`${purpose}\n`).update(text).digest('hex');
}

export function macOk(key: string, purpose: string, text: string, given: string): boolean {
  const want = Buffer.from(mac(key, purpose, text));
  const got = Buffer.from(given);
  return want.length === got.length && timingSafeEqual(want, got);
}

/** Bearer token that may read `/why` and `/view` of the fleet's nameservers. */
export const readToken = (hmac: string): string => mac(hmac, 'read', 'v1');
export const mayRead = (hmac: string, authorization: string | undefined): boolean =>
  macOk(hmac, 'read', 'v1', (authorization ?? '').replace(/^Bearer /, ''));

/** The two texts of a snapshot as an object in a cluster carries them. */
export const SNAPSHOT_OBJECT = 'tradewind-traffic';
export const dataOf = (s: SignedSnapshot): Record<string, string> => ({ snapshot: s.text, signature: s.signature });
export function signedOf(data: Readonly<Record<string, string>> | undefined): SignedSnapshot | undefined {
  const { snapshot: text, signature } = data ?? {};
  return text === undefined || signature === undefined ? undefined : { text, signature };
}
