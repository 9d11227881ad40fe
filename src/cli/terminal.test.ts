import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from './ask.ts';
import { columnsOf, showsUtf8, toAscii } from './terminal.ts';
import { cut, widthOf, wrap } from './width.ts';

const ROOT = resolve(import.meta.dirname, '..', '..');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-terminal-'));
  writeFileSync(
    join(dir, 'tradewind.yaml'),
    `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu-central: { cloud: aws, region: eu-central-1 }, us: { cloud: aws, region: us-east-1 } }
apps: { guestbook: { manifests: [k8s] } }
`,
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Screen {
  TERM?: string;
  LANG?: string;
  TW_STATE_DIR?: string;
  columns?: number;
}

const quoted = (s: string): string => `'${s.replaceAll("'", `'\\''`)}'`;

/** A real `tw` on a real terminal; what came out of it, both streams as a person sees them. */
function onScreen(screen: Screen, argv: readonly string[], typed = ''): Promise<string> {
  const { columns = 120, ...said } = screen;
  const line = `stty cols ${columns} rows 40; exec ${[join(ROOT, 'tw'), ...argv].map(quoted).join(' ')}`;
  const env = { PATH: process.env['PATH'], HOME: dir, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...said };
  const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd: dir, env, stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (b: Buffer) => {
    out += b.toString();
    if (typed !== '' && out.endsWith(': ')) child.stdin.write(typed);
  });
  return new Promise((done) => child.on('close', () => done(out.replaceAll('\r\n', '\n'))));
}

function piped(env: NodeJS.ProcessEnv, ...argv: string[]): { stdout: string; stderr: string } {
  const said = { PATH: process.env['PATH'], HOME: dir, ...env };
  const ran = spawnSync(join(ROOT, 'tw'), argv, { cwd: dir, env: said, encoding: 'utf8' });
  return { stdout: ran.stdout, stderr: ran.stderr };
}

/** Text of a stranger: it clears the screen, goes back over the line, turns it round. */
const EVIL = 'Größe \u001b[2J\u001b]0;title\u0007\rok\b\b\u202elanif\u2066\u061c\u0085 → done';
const FACTS = ['f1', 'eu-central', 'guestbook', 'done', 'sale', 'f2'];
const hasTerminal = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasTerminal)('a real tw on a real terminal (needs script of util-linux)', () => {
  beforeAll(() => {
    const env = { LANG: 'C.UTF-8' };
    expect(piped(env, 'freeze', 'guestbook', '--on', 'eu-central', '--because', EVIL).stderr).toBe('');
    expect(piped(env, 'freeze', '--because', 'the great sale of the year', '--for', '48h').stderr).toBe('');
  });

  it.each<[string, Screen]>([
    ['as usual', {}],
    ['TERM=dumb', { TERM: 'dumb' }],
    ['LANG=C', { LANG: 'C' }],
    ['20 columns', { columns: 20 }],
    ['all of them', { TERM: 'dumb', LANG: 'C', columns: 20 }],
  ])('%s: the same facts, and nothing of a stranger moves the cursor', async (_, screen) => {
    const out = await onScreen(screen, ['locks']);
    for (const fact of FACTS) expect(out, fact).toContain(fact);
    // Colours are ours; everything else that is no text came from somebody else.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(out.replace(/\u001b\[[0-9;]*m/g, '')).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u202a-\u202e\u2066-\u2069]/,
    );
    if (screen.TERM === 'dumb') expect(out).not.toContain('\u001b');
    if (screen.LANG === 'C') expect(out).toMatch(/^[\n -~\u001b]*$/);
    else expect(out).toContain('Größe');
    const long = out.split('\n').filter((l) => widthOf(l) > (screen.columns ?? 120) && /\S\s+\S\s+\S/.test(l));
    expect(long).toEqual([]);
  });

  it('a tree is drawn where a terminal can; a dumb or a narrow one gets lines', async () => {
    mkdirSync(join(dir, 'here', 'k8s'), { recursive: true });
    const config = `fleet: here
clusters: { here: { cloud: existing, region: home, location: { lat: 1, lon: 2 } } }
apps: { web: { manifests: [k8s] } }
`;
    writeFileSync(join(dir, 'here', 'tradewind.yaml'), config);
    const up = (screen: Screen) =>
      onScreen({ ...screen, TW_STATE_DIR: join(dir, 'here', 's') }, ['up', '--yes', '--config', 'here/tradewind.yaml']);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what draws
    const draws = /\u001b\[(?:\d+A|2K|J|\?2026)/;
    expect(await up({})).toMatch(draws);
    for (const screen of [{ TERM: 'dumb' }, { columns: 20 }]) {
      const lines = await up(screen);
      expect(lines).not.toMatch(draws);
      expect(lines).toContain('plan');
    }
  });

  it('a problem: its mark fits the screen, and is letters where there is nothing else', async () => {
    writeFileSync(
      join(dir, 'bad.yaml'),
      `fleet: shop\nclusters: { eu: { labels: { größe: x }, clowd: aws } } # ${'x'.repeat(80)}\n`,
    );
    const out = await onScreen({ LANG: 'C', TERM: 'dumb', columns: 40 }, ['plan', '--config', 'bad.yaml']);
    expect(out).toMatch(/^[\n -~]*$/);
    expect(out).toContain('did you mean "cloud"?');
    const marked = out.split('\n').findIndex((l) => l.includes('^^^^^'));
    const [text = '', marks = ''] = out.split('\n').slice(marked - 1, marked + 1);
    expect(text.slice(marks.indexOf('^')).startsWith('clowd')).toBe(true);
  });

  it('a question on a dumb terminal is a line', async () => {
    const out = await onScreen({ TERM: 'dumb', LANG: 'C', TW_STATE_DIR: join(dir, 's') }, ['down'], 'another\n');
    expect(out).not.toContain('\u001b');
    expect(out).toContain('Type the name of the fleet (shop):');
    expect(out).toContain('TW6005');
  });
});

it('piped and with LANG=C: letters for people, JSON as it is', () => {
  const table = piped({ LC_ALL: 'C' }, 'locks').stdout;
  expect(table).toMatch(/^[\n -~]*$/);
  const doc = JSON.parse(piped({ LC_ALL: 'C' }, 'locks', '-o', 'json').stdout) as { data: object };
  expect(JSON.stringify(doc.data)).toContain('Größe');
});

it('a question without a tree: yes is typed, anything else is no, the end of the line cancels', async () => {
  const answer = async (typed: string, kind: 'yes' | 'text' = 'yes', text = 'Really\u001b[2J?'): Promise<string> => {
    const [stdin, stderr] = [new PassThrough(), new PassThrough()];
    const sides = { stdin: Object.assign(stdin, { isTTY: true }), stderr: Object.assign(stderr, { isTTY: true }) };
    stdin.end(typed);
    const said = await ask({ kind, text, flag: '--yes' }, { ...sides, env: { TERM: 'dumb' } } as never).catch(
      (e: { code: string }) => e.code,
    );
    expect(String(stderr.read())).toBe(`Really? ${kind === 'yes' ? '[y/N] ' : ''}`);
    return said;
  };
  expect([await answer('y\n'), await answer('YES\n'), await answer('\n'), await answer('nope\n')]).toEqual([
    'yes',
    'yes',
    'no',
    'no',
  ]);
  expect([await answer('shop\n', 'text'), await answer('')]).toEqual(['shop', 'TW6005']);
});

describe('what a screen can show', () => {
  it.each([
    [{ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }, false],
    [{ LC_ALL: '', LANG: 'de_DE.UTF-8' }, true],
    [{ LC_CTYPE: 'POSIX', LANG: 'C.UTF-8' }, false],
    [{ LANG: 'de_DE.utf8' }, true],
    [{ LANG: 'de_DE.ISO-8859-1' }, false],
    [{}, true],
  ])('%o', (env, yes) => {
    expect(showsUtf8(env)).toBe(yes);
  });

  it('a width is that of the terminal, or was said', () => {
    expect([
      columnsOf({ columns: 20 }, { COLUMNS: '80' }),
      columnsOf({}, { COLUMNS: '30' }),
      columnsOf({}, {}),
    ]).toEqual([20, 30, undefined]);
  });

  it('letters: nothing but ASCII, and what was ASCII as it was', () => {
    expect(toAscii('v1 → v2 … Größe 🙂')).toBe('v1 -> v2 ... Gr\\u{f6}\\u{df}e \\u{1f642}');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (s) => {
        expect(toAscii(s)).toMatch(/^[\u0000-\u007f]*$/);
      }),
    );
  });

  it('wide and combining letters count as a terminal counts them; what is cut fits', () => {
    expect([widthOf('abc'), widthOf('日本'), widthOf('e\u0301'), widthOf('🙂')]).toEqual([3, 4, 1, 2]);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 30 }), fc.boolean(), (s, n, ascii) => {
        expect(widthOf(cut(s, n, { ascii }))).toBeLessThanOrEqual(n);
      }),
    );
  });

  it('wrapped lines hold every word, and are long only where one word is', () => {
    expect(wrap('the disk of syd is full, sha256:0123456789abcdef says', 14)).toEqual([
      'the disk of',
      'syd is full,',
      'sha256:0123456789abcdef',
      'says',
    ]);
  });
});
