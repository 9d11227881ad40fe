import type { Edge, Intent, MapRow, Site, Snapshot, Verdict } from '../model.ts';
import { buildMap } from './map.ts';
import { NO_VERDICT } from './quorum.ts';

/** Worlds for tests: the three clusters of the guestbook. */
export const HOST = 'guestbook.demo.tradewind.example';

const site = (cluster: string, cloud: Site['cloud'], place: Site['place'], n: number): Site => ({
  cluster,
  cloud,
  region: cluster,
  place,
  edges: { guestbook: { v4: [`198.18.${n}.100`], v6: [] } },
  nameserver: { ip: `198.18.${n}.101`, name: `ns-${cluster}.demo.tradewind.example` },
});

export const SITES: readonly Site[] = [
  site('sao', 'aws', { lat: -23.55, lon: -46.63 }, 1),
  site('mtl', 'azure', { lat: 45.5, lon: -73.57 }, 2),
  site('syd', 'gcp', { lat: -33.87, lon: 151.21 }, 3),
];

const ROWS: readonly MapRow[] = [
  { prefix: '198.19.101.0/24', country: 'BR', place: { lat: -23.55, lon: -46.63 } },
  { prefix: '198.19.102.0/24', country: 'CA', place: { lat: 45.5, lon: -73.57 } },
  { prefix: '198.19.103.0/24', country: 'AU', place: { lat: -33.87, lon: 151.21 } },
];

export const intent = (over: Partial<Intent> = {}): Intent => ({
  app: 'guestbook',
  host: HOST,
  serve: { by: 'fastest' },
  ttl: 30,
  residency: [],
  capacity: {},
  keepBelow: 0.7,
  health: { scheme: 'http', port: 80, path: '/healthz' },
  ...over,
});

export const edge = (over: Partial<Edge>): Edge => ({ v4: [], v6: [], ...over });

export const snapshot = (over: Partial<Snapshot> = {}): Snapshot => ({
  format: 1,
  fleet: 'guestbook-demo',
  zone: 'demo.tradewind.example',
  term: 1,
  seq: 1,
  intents: [intent()],
  sites: [...SITES],
  map: buildMap({ places: Object.fromEntries(ROWS.map(({ prefix, ...rest }) => [prefix, rest])) }),
  holds: [],
  voters: ['sao', 'mtl', 'syd'],
  probe: { intervalMs: 1000, timeoutMs: 1000, fall: 2, rise: 5 },
  ...over,
});

export const down = (cause = 'timeout', since = 0): Verdict => ({
  ...NO_VERDICT,
  state: 'down',
  since,
  cause,
  votes: { up: 0, down: 2, of: 2, need: 2 },
});
