import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkConfig } from '../config/index.ts';
import { code, fault, text } from '../kernel/index.ts';
import type { Io } from './context.ts';
import type { Args, Outcome } from './model.ts';

const FILE = 'tradewind.config.ts';

/** Folders that look like Kubernetes manifests, the likeliest first. */
function findManifests(dir: string): string | undefined {
  return ['k8s', 'kubernetes', 'manifests', 'deploy', '.'].find(
    (d) => existsSync(join(dir, d)) && holdsManifests(join(dir, d)),
  );
}

function holdsManifests(dir: string): boolean {
  return readdirSync(dir).some((f) => f === 'kustomization.yaml' || /\.ya?ml$/.test(f));
}

interface Wish {
  fleet: string;
  clusters: { name: string; cloud: string; region: string }[];
  manifests: string;
}

function parseCluster(spec: string): Wish['clusters'][number] {
  const m = /^([a-z][a-z0-9-]*)=(aws|azure|gcp|existing)\/([a-z0-9-]+)$/.exec(spec);
  if (m === null)
    throw fault('TW6002', {
      value: spec,
      why: ['a cluster is written as name=cloud/region'],
      fix: [{ say: 'For example', command: '--cluster eu=aws/eu-west-1' }],
    });
  return { name: m[1] ?? '', cloud: m[2] ?? '', region: m[3] ?? '' };
}

const ACCOUNTS: Readonly<Record<string, string>> = {
  aws: "aws: { account: '000000000000' }",
  azure: "azure: { subscription: 'your-subscription-id', tenant: 'your-tenant-id' }",
  gcp: "gcp: { project: 'your-project' }",
};

function source(w: Wish): string {
  const clouds = [...new Set(w.clusters.map((c) => c.cloud))].filter((c) => c in ACCOUNTS);
  return `import { defineConfig } from 'tradewind/config';

export default defineConfig({
  fleet: '${w.fleet}',
  accounts: { ${clouds.map((c) => ACCOUNTS[c]).join(', ')} },
  clusters: {
${w.clusters.map((c) => `    ${/^[a-z]\w*$/.test(c.name) ? c.name : `'${c.name}'`}: { cloud: '${c.cloud}', region: '${c.region}' },`).join('\n')}
  },
  apps: {
    ${/^[a-z]\w*$/.test(w.fleet) ? w.fleet : `'${w.fleet}'`}: { manifests: ['${w.manifests}'] },
  },
});
`;
}

async function wishOf(dir: string, args: Args, io: Io): Promise<Wish> {
  const given = args['cluster'] as string[];
  const name =
    (args['fleet'] as string | undefined) ??
    (await io.ask({ kind: 'text', text: 'Name of the fleet?', flag: '--fleet <name>' }));
  const specs =
    given.length > 0
      ? given
      : [
          await io.ask({
            kind: 'text',
            text: 'First cluster, as name=cloud/region?',
            flag: '--cluster <name=cloud/region>',
          }),
        ];
  const manifests =
    (args['manifests'] as string | undefined) ??
    findManifests(dir) ??
    (await io.ask({ kind: 'text', text: 'Folder of the manifests?', flag: '--manifests <path>' }));
  return { fleet: name || basename(dir), clusters: specs.map(parseCluster), manifests };
}

/** Writes a config file for a folder; refuses to overwrite. Throws TW6002, TW1003. */
export async function init(dir: string, args: Args, io: Io): Promise<Outcome> {
  const file = join(dir, FILE);
  if (existsSync(file)) throw fault('TW6002', { value: file, why: ['the file exists already; it is not overwritten'] });
  const wish = await wishOf(dir, args, io);
  const clusters = Object.fromEntries(
    wish.clusters.map((c) => [
      c.name,
      { cloud: c.cloud, region: c.region, ...(c.cloud === 'existing' ? { location: { lat: 0, lon: 0 } } : {}) },
    ]),
  );
  const accounts = {
    aws: { account: '000000000000' },
    azure: { subscription: 's', tenant: 't' },
    gcp: { project: 'p' },
  };
  checkConfig(
    { fleet: wish.fleet, clusters, accounts, apps: { [wish.fleet]: { manifests: [wish.manifests] } } },
    file,
    '',
  );
  writeFileSync(file, source(wish), { flag: 'wx' });
  return {
    data: { file, fleet: wish.fleet, clusters: wish.clusters, manifests: wish.manifests },
    view: {
      at: 0,
      rows: [
        { key: 'file', tone: 'ok', label: [text('written '), code(file)], cells: {}, kids: [] },
        {
          key: 'next',
          tone: 'wait',
          label: [text('next: fill in accounts, then '), code('tw plan')],
          cells: {},
          kids: [],
        },
      ],
    },
  };
}
