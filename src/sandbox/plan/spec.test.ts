import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../config/index.ts';
import { distanceKm, linksOf, rttMs } from './links.ts';
import { grownFrom, growsLive, specOf } from './spec.ts';

const config = (over: object = {}) =>
  checkConfig(
    {
      fleet: 'guestbook-demo',
      accounts: {
        aws: { account: '111122223333' },
        azure: { subscription: '11111111-2222-4333-8444-555555555555', tenant: '66666666-7777-4888-9999-000000000000' },
        gcp: { project: 'tradewind-demo' },
      },
      clusters: {
        sao: { cloud: 'aws', region: 'sa-east-1' },
        mtl: { cloud: 'azure', region: 'canadacentral' },
        syd: { cloud: 'gcp', region: 'australia-southeast1' },
      },
      dns: { zone: 'demo.tradewind.example' },
      apps: {
        guestbook: {
          manifests: ['m'],
          pull: [{ registry: 'registry.tradewind.example', username: { value: 'u' }, password: { value: 'p' } }],
          traffic: { host: 'guestbook.demo.tradewind.example', service: 'web' },
        },
      },
      ...over,
    },
    '/x/tradewind.yaml',
    '',
  );
const o = { dir: '/d', bins: '/b', root: '/r', node: '/n', env: {} };

describe('specOf', () => {
  it('puts every cluster in its region with users beside it', () => {
    const spec = specOf(config(), o);
    expect(spec.regions.map((r) => [r.name, r.index])).toEqual([
      ['sa-east-1', 1],
      ['canadacentral', 2],
      ['australia-southeast1', 3],
    ]);
    expect(spec.users).toEqual([
      { name: 'sao', index: 1, region: 'sa-east-1', lastMileMs: 5 },
      { name: 'mtl', index: 2, region: 'canadacentral', lastMileMs: 5 },
      { name: 'syd', index: 3, region: 'australia-southeast1', lastMileMs: 5 },
    ]);
    expect(spec).toMatchObject({
      operator: { region: 'canadacentral', lastMileMs: 7.5 },
      hosts: ['guestbook.demo.tradewind.example'],
      registries: [{ host: 'registry.tradewind.example', username: 'u', password: 'p' }],
      cloudTime: 60,
    });
    const way = (from: string, to: string) => spec.links.find((l) => l.from === from && l.to === to)?.oneWayMs;
    expect(way('sa-east-1', 'canadacentral')).toBe(60);
    expect(way('canadacentral', 'sa-east-1')).toBe(60);
    expect(way('sa-east-1', 'australia-southeast1')).toBe(155);
    expect(way('australia-southeast1', 'canadacentral')).toBe(102.5);
    expect(spec.links).toHaveLength(6);
  });

  it('gives the operator his region although no cluster is there', () => {
    const spec = specOf(config(), { ...o, clusters: ['sao'] });
    expect(spec.regions.map((r) => r.name)).toEqual(['sa-east-1', 'canadacentral']);
    expect(spec.users.map((u) => u.name)).toEqual(['sao']);
  });

  it('takes the time of the clouds from the environment, then the config, then CI', () => {
    const timed = config({ sandbox: { cloudTime: 30 } });
    expect(specOf(timed, o).cloudTime).toBe(30);
    expect(specOf(timed, { ...o, env: { TW_CLOUD_TIME: '90' } }).cloudTime).toBe(90);
    expect(specOf(config(), { ...o, env: { CI: 'true' } }).cloudTime).toBe(600);
    expect(() => specOf(config(), { ...o, env: { TW_CLOUD_TIME: 'fast' } })).toThrow(/TW9010.*TW_CLOUD_TIME=fast/);
  });

  it('refuses a fleet without a cluster it could hold', () => {
    const existing = config({
      clusters: { lab: { cloud: 'existing', region: 'lab', context: 'lab', location: { lat: 0, lon: 0 } } },
    });
    expect(() => specOf(existing, o)).toThrow(/TW9010/);
  });

  it('knows the images, and lets the own recipes win', () => {
    const own = {
      name: 'docker.io/library/redis',
      entrypoint: ['/opt/redis'],
      cmd: [],
      env: [],
      cwd: '/',
      user: 0,
      private: false,
      files: [],
    };
    const spec = specOf(config(), { ...o, recipes: [own] });
    expect(spec.recipes.filter((r) => r.name === 'docker.io/library/redis')).toEqual([own]);
    const books = spec.recipes.filter((r) => r.name === 'registry.tradewind.example/guestbook');
    expect(books.map((r) => r.tags)).toEqual([['v1'], ['v2'], ['v3-broken'], ['v4']]);
    for (const book of books)
      expect(book).toMatchObject({
        private: true,
        env: expect.arrayContaining(['APP_VERSION={tag}']),
        files: [{ host: '/b/guestbook' }],
      });
    expect(books.map((r) => r.env.filter((e) => e.startsWith('VARIANT')))).toEqual([
      [],
      ['VARIANT=amber'],
      ['VARIANT=broken'],
      ['VARIANT=stuck', 'VARIANT_CLUSTER=mtl'],
    ]);
    const product = spec.recipes.find((r) => r.name === 'registry.tradewind.example/tradewind');
    expect(product?.files).toEqual(expect.arrayContaining([{ host: '/r/src', at: '/opt/tradewind/src', ro: true }]));
    expect(product?.files.every((f) => f.ro)).toBe(true);
  });
});

describe('distance', () => {
  const saoPaulo = { name: 'a', lat: -23.55, lon: -46.63 };
  const sydney = { name: 'b', lat: -33.87, lon: 151.21 };
  it('is the great circle', () => {
    // Published: 13,390 km between the two cities.
    expect(Math.abs(distanceKm(saoPaulo, sydney) - 13_390)).toBeLessThan(60);
    expect(distanceKm(saoPaulo, saoPaulo)).toBe(0);
  });
  it('becomes a round trip with the usual detour, and never nothing', () => {
    expect(rttMs(saoPaulo, sydney)).toBeCloseTo(((2 * distanceKm(saoPaulo, sydney)) / 200) * 1.5, 0);
    expect(rttMs(saoPaulo, { ...saoPaulo, name: 'c' })).toBe(0.6);
    expect(linksOf([saoPaulo, sydney]).map((l) => `${l.from}>${l.to}`)).toEqual(['a>b', 'b>a']);
  });
});

describe('grownFrom', () => {
  const cluster = (name: string, cloud: string, region: string) => ({ [name]: { cloud, region } });
  const three = {
    ...cluster('sao', 'aws', 'sa-east-1'),
    ...cluster('mtl', 'azure', 'canadacentral'),
    ...cluster('syd', 'gcp', 'australia-southeast1'),
  };
  const indexes = (list: readonly { name: string; index: number }[]) => list.map((x) => `${x.name} ${x.index}`);

  it('a fourth cluster in front of the others moves no address', () => {
    const known = specOf(config(), o);
    const clusters = { ...cluster('dub', 'aws', 'eu-west-1'), ...three };
    const spec = grownFrom(specOf(config({ clusters }), o), known);
    expect(indexes(spec.regions)).toEqual(['sa-east-1 1', 'canadacentral 2', 'australia-southeast1 3', 'eu-west-1 4']);
    expect(indexes(spec.users)).toEqual(['sao 1', 'mtl 2', 'syd 3', 'dub 4']);
    expect(spec.links).toHaveLength(12);
    expect(grownFrom(spec, spec)).toEqual(spec);
  });

  it('a region that the config left stays, with its people and for what stands in it; its place is not given away', () => {
    const known = specOf(config(), o);
    const clusters = { ...cluster('mtl', 'azure', 'canadacentral'), ...cluster('dub', 'aws', 'eu-west-1') };
    const spec = grownFrom(specOf(config({ clusters }), o), known);
    expect(indexes(spec.regions)).toEqual(['sa-east-1 1', 'canadacentral 2', 'australia-southeast1 3', 'eu-west-1 4']);
    expect(indexes(spec.users)).toEqual(['sao 1', 'mtl 2', 'syd 3', 'dub 4']);
  });

  it('new places and what is read anew come while the world runs; anything else needs another world', () => {
    const known = specOf(config(), o);
    const more = grownFrom(specOf(config({ clusters: { ...cluster('dub', 'aws', 'eu-west-1'), ...three } }), o), known);
    expect(growsLive(known, more)).toBe(true);
    expect(growsLive(more, known)).toBe(false);
    expect(growsLive(known, { ...known, hosts: ['other.example'], recipes: [] })).toBe(true);
    for (const other of [{ bins: '/other' }, { seed: 9 }, { cloudTime: 7 }, { fleet: 'x' }, { users: [] }])
      expect(growsLive(known, { ...known, ...other })).toBe(false);
    const [first, ...rest] = known.users;
    if (first === undefined) throw new Error('no users');
    expect(growsLive(known, { ...known, users: [{ ...first, lastMileMs: 9 }, ...rest] })).toBe(false);
  });

  it('changes nothing where nothing was', () => {
    const spec = specOf(config(), o);
    expect(grownFrom(spec, undefined)).toBe(spec);
    expect(grownFrom(spec, spec)).toEqual(spec);
  });
});
