import { createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../../fleet/index.ts';
import type { GatewayParts } from '../gateway/app.ts';

/** DER: tag, length, content; contents here are shorter than 64 KiB. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
const SEQUENCE = 0x30;
const seq = (...parts: readonly Buffer[]): Buffer => der(SEQUENCE, ...parts);
const time = (text: string): Buffer => der(0x18, Buffer.from(text, 'latin1'));
/** OIDs 1.3.101.112 (Ed25519) and 2.5.4.3 (common name). */
const ED25519 = seq(der(0x06, Buffer.from('2b6570', 'hex')));
const nameOf = (text: string): Buffer =>
  seq(der(0x31, seq(der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from(text)))));
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const pem = (label: string, body: Buffer): string =>
  [`-----BEGIN ${label}-----`, ...(body.toString('base64').match(/.{1,64}/g) ?? []), `-----END ${label}-----`, ''].join(
    '\n',
  );

/**
 * A self-signed certificate (X.509 v1, RFC 5280) that is never shown to anybody: Traefik wants a default one
 * even where no listener speaks TLS. Made of a secret of the fleet, with a signature that has no random part
 * (RFC 8032), so that every plan has the same one and nobody has to keep it.
 */
export function placeholderCertificate(secret: string): { cert: string; key: string } {
  const seed = createHmac('sha256', secret).update('gateway placeholder certificate').digest();
  const pkcs8 = Buffer.concat([PKCS8, seed]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const name = nameOf('tradewind placeholder');
  const validity = seq(time('20260101000000Z'), time('99991231235959Z'));
  const serial = der(0x02, Buffer.from([1]));
  const body = seq(serial, ED25519, name, validity, name, spki);
  const signature = der(0x03, Buffer.from([0]), sign(null, body, key));
  return { cert: pem('CERTIFICATE', seq(body, ED25519, signature)), key: pem('PRIVATE KEY', pkcs8) };
}

/** Definitions of the Gateway API; the first line of the file says whose they are. */
export function gatewayParts(secret: string): GatewayParts {
  const text = readFileSync(new URL('../gateway/crds.jsonl', import.meta.url), 'utf8');
  const lines = text.trimEnd().split('\n').slice(1);
  return { crds: lines.map((l) => JSON.parse(l) as KubeObject), certificate: placeholderCertificate(secret) };
}
