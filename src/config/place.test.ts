import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { TwError } from '../kernel/index.ts';
import { readAnew } from './anew.ts';
import { loadConfig } from './load.ts';
import { placeIn } from './place.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-place-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** `line:column` and what is marked there. */
function at(source: string, path: string, kind: 'yaml' | 'program', what: 'key' | 'value' = 'value'): string {
  const p = placeIn(source, path.split('/'), { kind, at: what });
  return p === undefined ? 'nowhere' : `${p.line}:${p.column} ${p.source.slice(p.column - 1, p.column - 1 + p.width)}`;
}

const PROGRAM = `import { more } from './more.ts';
type Size = { min: number };
const common = { region: 'eu-west-1', cloud: 'awz' as const };
const small: Size = { min: 3 };
// clusters: { eu: { regoin: 'x' } }
const config = {
  note: "clusters: { eu: { regoin: 'x' } }",
  clusters: {
    'eu': { ...common, regoin: 1, nodes: small },
    us: { ...more, region: 'x', zones: ['a', 'b'] },
    asia: { region: 'x', ...more },
    sa: make({ region: 'x' }),
  },
  grüße: { ü: 1, after: 2 },
  computed: { a: 1, [name()]: 2, b: 3 },
  more,
} satisfies object;
export default defineConfig(config);
`;

describe('in a program', () => {
  it.each([
    ['clusters/eu/regoin', '9:24 regoin', 'key'],
    ['clusters/eu/cloud', "3:46 'awz'", 'value'],
    ['clusters/eu/nodes/min', '4:28 3', 'value'],
    ['clusters/eu/nodes', '9:42 small', 'value'],
    ['clusters/us/zones/1', "10:46 'b'", 'value'],
    ['clusters/us/region', "10:28 'x'", 'value'],
    ['grüße/after', '14:25 2', 'value'],
    ['computed/b', '15:37 3', 'value'],
  ] as const)('%s is at %s', (path, place, what) => {
    expect(at(PROGRAM, path, 'program', what)).toBe(place);
  });

  it.each([
    ['what is missing: where it would be', 'clusters/eu/location', "9:5 'eu'"],
    ['what something imported may have written over', 'clusters/asia/region', '11:5 asia'],
    ['what something imported may hold', 'clusters/us/labels', '10:5 us'],
    ['what a name that is computed may have written over', 'computed/a', '15:3 computed'],
    ['what a function makes', 'clusters/sa/region', '12:5 sa'],
    ['what another file says', 'more/deep', '16:3 more'],
    ['what nobody wrote', 'dns/zone', 'nowhere'],
  ])('%s is not guessed', (_, path, place) => {
    expect(at(PROGRAM, path, 'program')).toBe(place);
  });

  it('of two keys of one name the last counts; a text that is no program shows nothing', () => {
    expect(at("export default { a: 1,\n a: 'x' }", 'a', 'program')).toBe("2:5 'x'");
    expect(at('export default { a: ', 'a', 'program')).toBe('nowhere');
    expect(at('const a = b; const b = a; export default a;', 'x', 'program')).toBe('nowhere');
  });
});

const YAML = `fleet: shop
base: &base { cloud: awz, region: r }
clusters:
  eu: *base
  "a.b":
    regoin: x
    zones: [a, b]
apps: {web: {manifest: ./k8s}}
`;

describe('in YAML', () => {
  it.each([
    ['clusters/eu/cloud', '2:22 awz', 'value'],
    ['clusters/a.b/regoin', '6:5 regoin', 'key'],
    ['clusters/a.b/zones/1', '7:16 b', 'value'],
    ['clusters/a.b/location', '5:3 "a.b"', 'value'],
    ['apps/web/manifest', '8:14 manifest', 'key'],
    ['dns/zone', 'nowhere', 'value'],
  ] as const)('%s is at %s', (path, place, what) => {
    expect(at(YAML, path, 'yaml', what)).toBe(place);
    expect(at(YAML.replaceAll('\n', '\r\n'), path, 'yaml', what)).toBe(place);
  });
});

const word = fc.stringMatching(/^[a-z][a-z-]{0,6}$/);
const tree = fc.letrec((tie) => ({
  map: fc.dictionary(word, fc.oneof({ maxDepth: 4 }, word, fc.integer(), tie('map')), { minKeys: 1, maxKeys: 4 }),
})).map as fc.Arbitrary<Record<string, unknown>>;
const paths = (o: unknown, path: string[] = []): string[][] =>
  typeof o !== 'object' || o === null
    ? []
    : Object.entries(o).flatMap(([k, v]) => [[...path, k], ...paths(v, [...path, k])]);

/** What stands at the place of a key, and how far into the text that is. */
function keyAt(source: string, path: readonly string[], kind: 'yaml' | 'program'): { text: string; from: number } {
  const p = placeIn(source, path, { kind, at: 'key' });
  if (p === undefined) return { text: 'nowhere', from: -1 };
  const from =
    source
      .split('\n')
      .slice(0, p.line - 1)
      .reduce((n, l) => n + l.length + 1, 0) +
    p.column -
    1;
  return { text: source.slice(from, from + p.width).replace(/["']/g, ''), from };
}

it('every key of any config that is written out is found at itself, below its parents', () => {
  fc.assert(
    fc.property(tree, fc.boolean(), (o, flat) => {
      const texts = [
        ['program', `export default ${JSON.stringify(o, null, flat ? 0 : 2)};\n`],
        ['yaml', stringify(o, { collectionStyle: flat ? 'flow' : 'block' })],
      ] as const;
      for (const [kind, source] of texts)
        for (const path of paths(o)) {
          const at = path.map((_, i) => keyAt(source, path.slice(0, i + 1), kind));
          expect(
            at.map((k) => k.text),
            source,
          ).toEqual(path);
          expect(at.map((k) => k.from)).toEqual(at.map((k) => k.from).toSorted((a, b) => a - b));
        }
    }),
    { numRuns: 200 },
  );
});

async function problemOf(name: string, text: string, read: (file: string) => Promise<unknown> = loadConfig) {
  const file = join(dir, name);
  writeFileSync(file, text);
  const error = await read(file).catch((e: unknown) => e);
  if (!(error instanceof TwError)) throw new Error('it was accepted');
  const { code, where, why } = error.problem;
  return { code, why, where: where.map((w) => `${w.file === file ? '' : w.file}${w.line}:${w.column} ${w.source}`) };
}

describe('a text that cannot be read', () => {
  it('YAML: every fault of it', async () => {
    const bad = await problemOf('a.yaml', 'fleet: shop\nfleet: again\nclusters: [a\napps: {}\n');
    expect(bad).toMatchObject({ code: 'TW1002', where: ['2:1 fleet: again', expect.stringContaining('4:1 apps')] });
    expect(bad.why).toEqual(['Map keys must be unique', expect.stringContaining('must be sufficiently indented')]);
  });

  it.each([
    ['a.config.ts', "const a: string = 'a';\nexport default {\n  fleet: 'a' b,\n};\n", "3:14   fleet: 'a' b,"],
    ['a.config.js', "export default {\n  fleet: 'a' b,\n};\n", "2:14   fleet: 'a' b,"],
    ['b.config.ts', 'const o: any = {};\nexport default {\n  fleet: o.p.q,\n};\n', '3:14   fleet: o.p.q,'],
  ])('%s', async (name, text, place) => {
    // In a thread of Node's own, as a server reads it: the loader of the tests has other errors.
    expect((await problemOf(name, text, readAnew)).where).toEqual([place]);
  });

  it('a program says which of its files it was', async () => {
    writeFileSync(join(dir, 'part.ts'), 'export const a = (;\n');
    const bad = await problemOf(
      'd.config.ts',
      "import { a } from './part.ts';\nexport default { fleet: a };\n",
      readAnew,
    );
    expect(bad.where).toEqual([`${join(dir, 'part.ts')}1:19 export const a = (;`]);
  });
});

describe('what is shown', () => {
  it('one of several forms: the faults of the one that was meant, or what each of them wants', async () => {
    const fleet =
      'fleet: shop\naccounts: {aws: {account: "123456789012"}}\nclusters: {eu: {cloud: aws, region: eu-west-1}}\n';
    const traffic = (serve: string) =>
      `${fleet}dns: {zone: z.example}\napps: {w: {manifests: [m], traffic: {host: w.z.example, service: s, serve: ${serve}}}}\n`;
    expect((await problemOf('f.yaml', traffic('{weigths: {eu: 1}}'))).why.join()).toContain(
      'apps.w.traffic.serve.weigths: unknown key "weigths"; did you mean "weights"?',
    );
    expect((await problemOf('g.yaml', traffic('fastes'))).why).toEqual([
      'apps.w.traffic.serve: Invalid input: expected one of "fastest"|"nearest", or expected object, received string; did you mean "fastest"?',
    ]);
    expect((await problemOf('h.yaml', fleet.replace('aws, r', 'awz, r'))).why[0]).toContain('did you mean "aws"?');
  });

  it('a secret that was written out is marked and not shown', async () => {
    const bad = await problemOf(
      'e.yaml',
      'fleet: shop\nclusters: {eu: {cloud: aws, region: eu-west-1}}\nchat: {slack: {team: T1, botToken: "xoxb-12345678"}}\n',
    );
    const line = bad.where.find((w) => w.includes('botToken'));
    expect(line).toContain('botToken: *******');
    expect(JSON.stringify(bad)).not.toContain('xoxb');
  });
});
