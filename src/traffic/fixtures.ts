import type { Config, TrafficConfig } from '../config/index.ts';

/** The guestbook's config after load, for tests. */
export function configOf(traffic: Partial<Record<keyof TrafficConfig, unknown>> = {}): Config {
  const cluster = (name: string, cloud: 'aws' | 'azure' | 'gcp', location: { lat: number; lon: number }) => ({
    name,
    cloud,
    region: name,
    zones: [],
    location,
    labels: {},
    version: '1.36',
    size: 's',
    nodes: { min: 1, max: 2 },
    network: { nodes: '10.10.0.0/16', pods: '10.20.0.0/16', services: '10.30.0.0/16' },
    admins: [],
    protect: false,
  });
  const config = {
    fleet: 'guestbook-demo',
    file: '/fleet/tradewind.ts',
    dir: '/fleet',
    clusters: [
      cluster('sao', 'aws', { lat: -23.55, lon: -46.63 }),
      cluster('mtl', 'azure', { lat: 45.5, lon: -73.57 }),
      cluster('syd', 'gcp', { lat: -33.87, lon: 151.21 }),
    ],
    apps: [
      {
        name: 'guestbook',
        namespace: 'guestbook',
        version: 'v1',
        manifests: [],
        placement: {},
        overrides: [],
        replicas: 'same',
        pull: [],
        traffic: {
          host: 'guestbook.demo.tradewind.example',
          service: 'web',
          port: 80,
          health: '/healthz',
          serve: { by: 'fastest' },
          ttl: 30,
          residency: [],
          capacity: {},
          keepBelow: 0.7,
          ...traffic,
        },
        state: { mode: 'isolated' },
      },
    ],
    dns: { zone: 'demo.tradewind.example', provider: 'route53', driver: 'nameserver' },
    accounts: {},
    protect: false,
    infra: { parallel: 4 },
  };
  return config as unknown as Config;
}
