import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Clock, changeFile, fault, madeOnce, readFile } from '../../kernel/index.ts';

/** PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}
export interface Wish {
  /** Common name; it is also the name under which the certificate is kept. */
  name: string;
  /** Host names it answers for; none: it only shows itself to servers. */
  hosts: readonly string[];
}

/** The fleet's certificate authority, with what it issued, in one file that is the owner's alone. */
export interface FleetCa {
  /** PEM. */
  cert: string;
  /** The certificate of this name: as it was issued before, while it fits and is not near its end. */
  issue(wish: Wish): Promise<KeyPair>;
}

interface Kept {
  ca: KeyPair;
  issued: Record<string, KeyPair & { hosts: readonly string[] }>;
}

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 398;
/** A certificate is made anew when less is left of it. */
const RENEW_DAYS = 120;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

cryptoProvider.set(webcrypto as Crypto);

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']) as Promise<CryptoKeyPair>;
const keyPem = async (keys: CryptoKeyPair): Promise<string> =>
  PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
const validity = (now: number, days: number): { notBefore: Date; notAfter: Date } => ({
  // Clocks of other machines may be behind.
  notBefore: new Date(now - DAY_MS),
  notAfter: new Date(now + days * DAY_MS),
});
/** RFC 5280: positive and at most 20 bytes. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;

async function makeCa(fleet: string, now: number): Promise<KeyPair> {
  const keys = await newKeys();
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=tradewind fleet ${fleet}`,
    ...validity(now, CA_DAYS),
    signingAlgorithm: CURVE,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { cert: cert.toString('pem'), key: await keyPem(keys) };
}

async function makeLeaf(ca: KeyPair, wish: Wish, now: number): Promise<KeyPair> {
  const der = PemConverter.decodeFirst(ca.key);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']);
  const keys = await newKeys();
  const server = wish.hosts.length > 0;
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${wish.name}`,
    issuer: new X509Certificate(ca.cert).subject,
    ...validity(now, LEAF_DAYS),
    signingAlgorithm: CURVE,
    signingKey: signingKey as CryptoKey,
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ...(server ? [ExtendedKeyUsage.serverAuth] : [])]),
      // etcd holds names in a client's certificate against the address it comes from: a client has none.
      ...(server
        ? [new SubjectAlternativeNameExtension(wish.hosts.map((value) => ({ type: 'dns' as const, value })))]
        : []),
    ],
  });
  return { cert: cert.toString('pem'), key: await keyPem(keys) };
}

function at<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fault('TW2140', { value: path, cause: error });
  }
}

const read = (path: string): Kept | undefined =>
  at(path, () => {
    const text = readFile(path);
    return text === undefined ? undefined : (JSON.parse(text) as Kept);
  });

/** Of two that make an authority at once, both get the one that stands in the file. */
function make(path: string, kept: Kept): Kept {
  const text = JSON.stringify(kept);
  return at(path, () => JSON.parse(madeOnce(path, () => text)) as Kept);
}

/** The authority of this folder, if it has one. Throws TW2140. */
export function knownCa(path: string): string | undefined {
  return read(path)?.ca.cert;
}

/** As it was issued before, while its hosts are those and it is not near its end. */
function fitting({ issued }: Kept, wish: Wish, now: number): KeyPair | undefined {
  const old = issued[wish.name];
  if (old === undefined || old.hosts.join(' ') !== wish.hosts.join(' ') || old.cert === '') return undefined;
  const left = new X509Certificate(old.cert).notAfter.getTime() - now;
  return left > RENEW_DAYS * DAY_MS ? { cert: old.cert, key: old.key } : undefined;
}

/** Beside what others issued meanwhile; of two of one name, both get the first. Throws TW2140. */
function keep(path: string, ca: KeyPair, x: { made: KeyPair; wish: Wish; now: number }): KeyPair {
  let got = x.made;
  at(path, () =>
    changeFile(path, (text) => {
      const kept: Kept = text === undefined ? { ca, issued: {} } : (JSON.parse(text) as Kept);
      if (kept.ca.cert !== ca.cert) throw new Error('the authority was made anew meanwhile');
      got = fitting(kept, x.wish, x.now) ?? x.made;
      const issued = { ...kept.issued, [x.wish.name]: { ...got, hosts: x.wish.hosts } };
      return JSON.stringify({ ...kept, issued });
    }),
  );
  return got;
}

/** Opens the authority, or makes it once. Throws TW2140. */
export async function fleetCa(path: string, fleet: string, clock: Clock): Promise<FleetCa> {
  const kept = read(path) ?? make(path, { ca: await makeCa(fleet, clock.now()), issued: {} });
  const { ca } = kept;
  return {
    cert: ca.cert,
    issue: async (wish) => {
      const now = clock.now();
      const old = fitting(read(path) ?? kept, wish, now);
      return old ?? keep(path, ca, { made: await makeLeaf(ca, wish, now), wish, now });
    },
  };
}
