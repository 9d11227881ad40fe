// A CA and one certificate per cluster for tests.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WireTls } from '../adapters/wire-streams.ts';
import { wireHost } from '../wire/header.ts';

/** Made with openssl; everything is gone from the disk afterwards. */
export function testCertificates(clusters: readonly string[]): Record<string, WireTls> {
  const dir = mkdtempSync(join(tmpdir(), 'twc-'));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const text = (file: string): string => readFileSync(join(dir, file), 'utf8');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  try {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      'root-of-all.key',
      '-out',
      'root-of-all.pem',
      '-days',
      '2',
      '-subj',
      '/CN=fleet of a test',
    );
    const one = (c: string): WireTls => {
      openssl('req', ...key, '-keyout', `${c}.key`, '-out', `${c}.csr`, '-subj', `/CN=${c}`);
      writeFileSync(join(dir, `${c}.ext`), `subjectAltName=DNS:${wireHost(c)}\n`);
      const sign = [
        '-CA',
        'root-of-all.pem',
        '-CAkey',
        'root-of-all.key',
        '-CAcreateserial',
        '-days',
        '2',
        '-extfile',
        `${c}.ext`,
      ];
      openssl('x509', '-req', '-in', `${c}.csr`, '-out', `${c}.pem`, ...sign);
      return { ca: text('root-of-all.pem'), cert: text(`${c}.pem`), key: text(`${c}.key`) };
    };
    return Object.fromEntries(clusters.map((c) => [c, one(c)]));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
