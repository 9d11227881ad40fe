import type { CloudName } from './model.ts';

/** Kubernetes that the sandbox runs; every cloud offers this minor version and answers to no other. */
export const DEFAULT_VERSION = '1.36';
const PATCH: Record<string, string> = { '1.36': '1.36.3', '1.35': '1.35.6', '1.34': '1.34.9' };
export const VERSIONS = Object.keys(PATCH);

export function patchOf(version: string): string {
  return PATCH[minorOf(version)] ?? version;
}
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

export interface MachineType {
  cpu: number;
  memoryBytes: number;
}
const GiB = 2 ** 30;
const type = (cpu: number, gib: number): MachineType => ({ cpu, memoryBytes: gib * GiB });

/** Sizes as the clouds' own tables name them. */
export const MACHINE_TYPES: Record<CloudName, Record<string, MachineType>> = {
  aws: {
    't3.small': type(2, 2),
    't3.medium': type(2, 4),
    't3.large': type(2, 8),
    't3.xlarge': type(4, 16),
    'm6i.large': type(2, 8),
    'm6i.xlarge': type(4, 16),
    'm7i.large': type(2, 8),
    'm7i.xlarge': type(4, 16),
    'c6i.large': type(2, 4),
    'c6i.xlarge': type(4, 8),
    'r6i.large': type(2, 16),
  },
  azure: {
    Standard_B2s: type(2, 4),
    Standard_B2ms: type(2, 8),
    Standard_B4ms: type(4, 16),
    Standard_D2s_v5: type(2, 8),
    Standard_D4s_v5: type(4, 16),
    Standard_D2ds_v5: type(2, 8),
    Standard_D4ds_v5: type(4, 16),
    Standard_D2as_v5: type(2, 8),
    Standard_E2s_v5: type(2, 16),
  },
  gcp: {
    'e2-small': type(2, 2),
    'e2-medium': type(2, 4),
    'e2-standard-2': type(2, 8),
    'e2-standard-4': type(4, 16),
    'n2-standard-2': type(2, 8),
    'n2-standard-4': type(4, 16),
    'n2d-standard-2': type(2, 8),
    'c3-standard-4': type(4, 16),
  },
};

/** Zones of a region, as the cloud spells them. */
export function zonesOf(cloud: CloudName, region: string): string[] {
  if (cloud === 'azure') return ['1', '2', '3'];
  if (cloud === 'gcp') return ['a', 'b', 'c'].map((z) => `${region}-${z}`);
  return (region === 'us-east-1' ? ['a', 'b', 'c', 'd', 'f'] : ['a', 'b', 'c']).map((z) => `${region}${z}`);
}

/** vCPU a project may run per region unless a quota says otherwise. */
export const DEFAULT_VCPU = 64;
export const DEFAULT_VPCS = 5;
export const DEFAULT_EIPS = 5;
