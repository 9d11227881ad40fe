// Writes src/release/gateway/crds.jsonl: the definitions of the Gateway API's standard channel that Traefik
// watches, from the Go module that Traefik is built with. Descriptions are left out: they are three quarters
// of the bytes, and every plan sends the definitions to every cluster.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';

const VERSION = 'v1.6.1';
const KINDS = ['BackendTLSPolicy', 'Gateway', 'GatewayClass', 'GRPCRoute', 'HTTPRoute', 'ReferenceGrant', 'TLSRoute'];

interface Definition {
  kind: string;
  spec: { names: { kind: string } };
}

/** Without texts for people; a property that is called `description` is an object and stays. */
function terse(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(terse);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([k, v]) => k !== 'description' || typeof v !== 'string');
  return Object.fromEntries(kept.map(([k, v]) => [k, terse(v)]));
}

const answer = execFileSync('go', ['mod', 'download', '-json', `sigs.k8s.io/gateway-api@${VERSION}`], {
  cwd: tmpdir(),
  encoding: 'utf8',
});
const dir = join((JSON.parse(answer) as { Dir: string }).Dir, 'config', 'crd', 'standard');
const all = readdirSync(dir)
  .filter((f) => f.startsWith('gateway.networking.k8s.io_') && f.endsWith('.yaml'))
  .toSorted()
  .flatMap((f) => parseAllDocuments(readFileSync(join(dir, f), 'utf8')).map((d) => d.toJS() as Definition));
const mine = all.filter((d) => d.kind === 'CustomResourceDefinition' && KINDS.includes(d.spec.names.kind));
if (mine.length !== KINDS.length) throw new Error(`found ${mine.length} of ${KINDS.length} definitions in ${dir}`);
const head = {
  licence: 'Apache-2.0, Copyright The Kubernetes Authors; descriptions left out',
  source: `sigs.k8s.io/gateway-api ${VERSION}, config/crd/standard`,
};
const out = resolve(import.meta.dirname, '..', 'src', 'release', 'gateway', 'crds.jsonl');
writeFileSync(out, [head, ...mine.map(terse)].map((v) => `${JSON.stringify(v)}\n`).join(''));
