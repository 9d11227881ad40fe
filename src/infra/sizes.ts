import type { Cloud } from '../kernel/index.ts';

type BuiltCloud = Exclude<Cloud, 'existing'>;
/** Machine types of the words s, m, l: two vCPU and four or eight GB, then four and sixteen. */
const SIZES: Record<BuiltCloud, Readonly<Record<string, string>>> = {
  aws: { s: 't3.medium', m: 't3.large', l: 'm6i.xlarge' },
  azure: { s: 'Standard_B2s', m: 'Standard_D2s_v5', l: 'Standard_D4s_v5' },
  gcp: { s: 'e2-medium', m: 'e2-standard-2', l: 'e2-standard-4' },
};
/** General-purpose types with their vCPU: what can stand in for a type that is not offered. */
const STAND_INS: Record<BuiltCloud, Readonly<Record<string, number>>> = {
  aws: {
    't3.medium': 2,
    't3.large': 2,
    'm6i.xlarge': 4,
    't3.xlarge': 4,
    'm6i.large': 2,
    'm5.large': 2,
    'm5.xlarge': 4,
    'm7i.large': 2,
    'm7i.xlarge': 4,
  },
  azure: {
    Standard_B2s: 2,
    Standard_D2s_v5: 2,
    Standard_D4s_v5: 4,
    Standard_B2ms: 2,
    Standard_B4ms: 4,
    Standard_D2as_v5: 2,
    Standard_D2ds_v5: 2,
    Standard_D4ds_v5: 4,
  },
  gcp: {
    'e2-medium': 2,
    'e2-standard-2': 2,
    'e2-standard-4': 4,
    'n2-standard-2': 2,
    'n2-standard-4': 4,
    'n2d-standard-2': 2,
  },
};
const EXACT: Record<BuiltCloud, RegExp> = {
  aws: /^[a-z][a-z0-9-]*\.[a-z0-9]+(-[a-z0-9]+)?$/,
  azure: /^Standard_[A-Za-z0-9_-]+$/,
  gcp: /^[a-z][a-z0-9]*-[a-z0-9-]+$/,
};

/** The cloud's machine type behind a size; undefined: neither a word nor the form of a type. */
export function machineType(cloud: BuiltCloud, size: string): string | undefined {
  if (Object.hasOwn(SIZES[cloud], size)) return SIZES[cloud][size];
  return EXACT[cloud].test(size) ? size : undefined;
}

export const sizeWords = (cloud: BuiltCloud): string[] => Object.keys(SIZES[cloud]);

/** Types that could stand in for another, those of the words first. */
export const standIns = (cloud: BuiltCloud): string[] => Object.keys(STAND_INS[cloud]);

/** vCPU of a type that stands in for others; undefined for any other type. */
export const knownVcpu = (cloud: BuiltCloud, type: string): number | undefined =>
  Object.hasOwn(STAND_INS[cloud], type) ? STAND_INS[cloud][type] : undefined;
