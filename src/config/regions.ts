import type { Cloud } from '../kernel/index.ts';

/** Where a cloud's region lies (degrees) and its zones; published by the clouds, 2026-11. */
export interface RegionFacts {
  lat: number;
  lon: number;
  zones: readonly string[];
}

const letters = (region: string, last: string, separator = ''): string[] =>
  ['a', 'b', 'c', 'd', 'e', 'f'].filter((l) => l <= last).map((l) => `${region}${separator}${l}`);
const aws = (name: string, lat: number, lon: number): [string, RegionFacts] => [
  name,
  { lat, lon, zones: letters(name, 'c') },
];
const azure = (name: string, lat: number, lon: number, zones = 3): [string, RegionFacts] => [
  name,
  { lat, lon, zones: ['1', '2', '3'].slice(0, zones) },
];
const gcp = (name: string, lat: number, lon: number, first: 'a' | 'b' = 'a'): [string, RegionFacts] => [
  name,
  { lat, lon, zones: letters(name, first === 'a' ? 'c' : 'd', '-').filter((z) => first === 'a' || !z.endsWith('-a')) },
];

const TABLE: Record<Exclude<Cloud, 'existing'>, ReadonlyMap<string, RegionFacts>> = {
  aws: new Map([
    aws('sa-east-1', -23.55, -46.63),
    aws('us-east-1', 38.95, -77.45),
    aws('us-east-2', 39.96, -83.0),
    aws('us-west-1', 37.35, -121.96),
    aws('us-west-2', 45.84, -119.7),
    aws('ca-central-1', 45.5, -73.6),
    aws('eu-west-1', 53.35, -6.26),
    aws('eu-west-2', 51.51, -0.13),
    aws('eu-west-3', 48.86, 2.35),
    aws('eu-central-1', 50.11, 8.68),
    aws('eu-north-1', 59.33, 18.06),
    aws('eu-south-1', 45.46, 9.19),
    aws('ap-southeast-1', 1.35, 103.82),
    aws('ap-southeast-2', -33.87, 151.21),
    aws('ap-northeast-1', 35.68, 139.69),
    aws('ap-northeast-2', 37.57, 126.98),
    aws('ap-south-1', 19.08, 72.88),
    aws('af-south-1', -33.92, 18.42),
    aws('me-south-1', 26.07, 50.55),
  ]),
  azure: new Map([
    azure('canadacentral', 43.65, -79.38),
    azure('canadaeast', 46.81, -71.21, 0),
    azure('eastus', 37.37, -79.82),
    azure('eastus2', 36.67, -78.39),
    azure('centralus', 41.59, -93.62),
    azure('westus2', 47.23, -119.85),
    azure('westus3', 33.45, -112.07),
    azure('brazilsouth', -23.55, -46.63),
    azure('northeurope', 53.35, -6.26),
    azure('westeurope', 52.37, 4.9),
    azure('uksouth', 50.94, -0.8),
    azure('francecentral', 46.38, 2.37),
    azure('germanywestcentral', 50.11, 8.68),
    azure('swedencentral', 60.67, 17.14),
    azure('southeastasia', 1.28, 103.83),
    azure('australiaeast', -33.86, 151.21),
    azure('japaneast', 35.68, 139.77),
    azure('koreacentral', 37.57, 126.98),
    azure('centralindia', 18.58, 73.92),
    azure('southafricanorth', -25.73, 28.22),
  ]),
  gcp: new Map([
    gcp('australia-southeast1', -33.87, 151.21),
    gcp('australia-southeast2', -37.81, 144.96),
    gcp('southamerica-east1', -23.53, -46.62),
    gcp('northamerica-northeast1', 45.5, -73.57),
    gcp('northamerica-northeast2', 43.65, -79.38),
    gcp('us-central1', 41.26, -95.86),
    gcp('us-east1', 33.2, -80.01, 'b'),
    gcp('us-east4', 39.04, -77.49),
    gcp('us-west1', 45.59, -121.18),
    gcp('europe-west1', 50.45, 3.82, 'b'),
    gcp('europe-west2', 51.51, -0.13),
    gcp('europe-west3', 50.11, 8.68),
    gcp('europe-west4', 53.44, 6.84),
    gcp('europe-north1', 60.57, 27.19),
    gcp('asia-east1', 24.05, 120.52),
    gcp('asia-northeast1', 35.68, 139.69),
    gcp('asia-southeast1', 1.34, 103.7),
    gcp('asia-south1', 19.08, 72.88),
  ]),
};

/** Facts of a region, or undefined when the cloud has no region of that name here. */
export function regionFacts(cloud: Cloud, region: string): RegionFacts | undefined {
  return cloud === 'existing' ? undefined : TABLE[cloud].get(region);
}

export function regionNames(cloud: Cloud): string[] {
  return cloud === 'existing' ? [] : [...TABLE[cloud].keys()];
}
