import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Config, checkConfig } from '../../config/index.ts';
import { type Journal, memoryJournal, systemClock } from '../../kernel/index.ts';
import { openTerraform } from '../adapters/find.ts';
import type { InfraContext } from '../engine.ts';
import type { ModuleName, Place } from '../model.ts';

export const MODULES = resolve(import.meta.dirname, '../../../terraform/modules');

/** A fleet over three clouds, as a person would write it. */
export function threeClouds(change: Record<string, unknown> = {}): Config {
  const input = {
    fleet: 'shop',
    clusters: {
      sao: { cloud: 'aws', region: 'sa-east-1' },
      mtl: { cloud: 'azure', region: 'canadacentral' },
      syd: { cloud: 'gcp', region: 'australia-southeast1' },
    },
    apps: { web: { manifests: ['./k8s'], traffic: { host: 'web.shop.example', service: 'web' } } },
    dns: { zone: 'shop.example' },
    accounts: {
      aws: { account: '111122223333' },
      azure: { subscription: '00000000-0000-0000-0000-000000000001', tenant: '00000000-0000-0000-0000-000000000002' },
      gcp: { project: 'shop-project' },
    },
    ...change,
  };
  return checkConfig(input, '/nowhere/tradewind.config.ts', '');
}

const AUTH: Readonly<Record<string, string>> = {
  'aws-eks': '{ kind = "eks", name = var.cluster, region = var.region, account = var.account, profile = var.profile }',
  'azure-aks': '{ kind = "aks", name = var.cluster, tenant = var.tenant, subscription = var.subscription }',
  'gcp-gke': '{ kind = "gke", name = var.cluster, project = var.project, location = var.region }',
};

/** `seconds` of the cluster's creation; `fail` makes it fail. Both by cluster name. */
export interface Behaviour {
  seconds?: Record<string, number>;
  fail?: readonly string[];
}

const command = (b: Behaviour): string => {
  const seconds = Object.entries(b.seconds ?? {}).map(([c, s]) => `"${c}" = ${s}`);
  const wait = `lookup({ ${seconds.join(', ')} }, var.cluster, 0)`;
  const bad = `contains(${JSON.stringify(b.fail ?? [])}, var.cluster)`;
  return `"sleep \${${wait}}\${${bad} ? "; exit 3" : ""}"`;
};

function clusterModule(name: string, b: Behaviour): string {
  return `resource "terraform_data" "network" {
  input = var.node_cidr
}

resource "terraform_data" "cluster" {
  input            = { version = var.kubernetes_version, network = terraform_data.network.output }
  triggers_replace = var.region
  provisioner "local-exec" {
    command = ${command(b)}
  }
}

output "cluster" {
  value = {
    name       = var.cluster
    endpoint   = "https://\${var.cluster}.example"
    ca         = base64encode(terraform_data.cluster.id)
    issuer     = "https://issuer.example/\${terraform_data.cluster.id}"
    network    = terraform_data.network.id
    node_group = "default"
    auth       = ${AUTH[name]}
    nameserver = { ip = "192.0.2.\${length(var.region)}", ref = "ref-\${var.cluster}" }
  }
}
`;
}

const ZONE = `resource "terraform_data" "aws_route53_zone" {
  input = var.domain
}

resource "terraform_data" "nameserver" {
  for_each = var.nameservers
  input    = each.value
}

output "zone" {
  value = { id = terraform_data.aws_route53_zone.id, domain = var.domain, name_servers = keys(var.nameservers) }
}
`;

/** Modules with the real variables, built of terraform's own resources: no provider, no cloud. */
export function fakeModules(dir: string, b: Behaviour = {}): string {
  for (const name of ['aws-eks', 'azure-aks', 'gcp-gke', 'dns-route53'] satisfies ModuleName[]) {
    mkdirSync(join(dir, name), { recursive: true });
    cpSync(join(MODULES, name, 'variables.tf'), join(dir, name, 'variables.tf'));
    writeFileSync(join(dir, name, 'main.tf'), name === 'dns-route53' ? ZONE : clusterModule(name, b));
  }
  return dir;
}

export interface Lab {
  ctx: InfraContext;
  dir: string;
  place: Place;
  modulesDir: string;
}

export function labPlace(dir: string, change: Partial<Place> = {}): Place {
  return {
    name: 'sandbox',
    env: { TF_CLI_CONFIG_FILE: '/dev/null' },
    endpoints: { none: '' },
    rootsDir: join(dir, 'roots'),
    lockDir: join(dir, 'locks'),
    ...change,
  };
}

/** A folder, fake modules and the real terraform. */
export async function openLab(config: Config, b: Behaviour = {}, journal: Journal = memoryJournal()): Promise<Lab> {
  const dir = mkdtempSync(join(tmpdir(), 'tw-infra-'));
  const modulesDir = fakeModules(join(dir, 'modules'), b);
  const place = labPlace(dir);
  const tf = await openTerraform({ config, place, journal, clock: systemClock, modulesDir });
  return { ctx: { config, place, tf, journal, clock: systemClock, lockSeconds: 2 }, dir, place, modulesDir };
}
