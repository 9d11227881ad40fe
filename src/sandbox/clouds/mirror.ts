import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { effective, type ProviderSchema } from './schema.ts';

export const PROVIDERS = ['aws', 'azurerm', 'google'] as const;
const HOSTS = ['registry.terraform.io', 'registry.opentofu.org'];

export interface MirrorOptions {
  /** The sandbox directory; the mirror is DIR/mirror, the CLI config file DIR/terraformrc. */
  dir: string;
  /** Built sandbox/cmd/tw-provider. */
  providerBinary: string;
  /** terraform/schema of the repository. */
  schemaDir: string;
  /** The clouds' Unix socket. */
  socket: string;
  /** `linux_amd64` by default, from this machine. */
  platform?: string;
}
export interface Mirror {
  mirrorDir: string;
  cliConfigFile: string;
  /** For terraform's environment. */
  env: Record<string, string>;
}

function thisPlatform(): string {
  return `linux_${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
}

/** The schema terraform is served for a provider: slim schema + type rules. */
export function readSchema(schemaDir: string, provider: string): ProviderSchema {
  return effective(JSON.parse(readFileSync(join(schemaDir, `${provider}.json`), 'utf8')) as ProviderSchema);
}

/**
 * Lays out the filesystem mirror under the true source addresses and versions, for terraform and for
 * OpenTofu (whose host gets real folders: it does not find linked ones), and the CLI config file that
 * names this mirror and nothing else. Replaces an earlier mirror.
 */
export function writeMirror(o: MirrorOptions): Mirror {
  const mirrorDir = join(o.dir, 'mirror');
  rmSync(mirrorDir, { recursive: true, force: true });
  for (const provider of PROVIDERS) writeProvider(o, mirrorDir, provider);
  const cliConfigFile = join(o.dir, 'terraformrc');
  writeFileSync(
    cliConfigFile,
    `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirrorDir)}\n  }\n}\n`,
    { mode: 0o600 },
  );
  return {
    mirrorDir,
    cliConfigFile,
    env: { TF_CLI_CONFIG_FILE: cliConfigFile, TW_CLOUDS_SOCKET: o.socket, CHECKPOINT_DISABLE: '1' },
  };
}

function writeProvider(o: MirrorOptions, mirrorDir: string, provider: string): void {
  const schema = readSchema(o.schemaDir, provider);
  const { version } = schema.provider_version;
  let first: string | undefined;
  for (const host of HOSTS) {
    const folder = join(mirrorDir, host, 'hashicorp', provider, version, o.platform ?? thisPlatform());
    mkdirSync(folder, { recursive: true });
    const binary = join(folder, `terraform-provider-${provider}_v${version}`);
    if (first === undefined) copyFileSync(o.providerBinary, binary);
    else linkSync(first, binary);
    first ??= binary;
    const { resources, data, provider: block } = schema;
    writeFileSync(join(folder, 'schema.json'), JSON.stringify({ resources, data, provider: block }));
  }
}
