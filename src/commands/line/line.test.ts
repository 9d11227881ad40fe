import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMMANDS, specOf } from '../table.ts';
import { inFleet, isElsewhere, unsaid, withoutFleet } from './machine/fleets.ts';
import { chatVerbs, type Draft, isFault, parseLine } from './machine/parse.ts';
import { expand, phraseOf, type Standing } from './machine/phrases.ts';
import { lineOf } from './machine/say.ts';
import type { LineFault } from './machine/words.ts';

const g = { table: COMMANDS, fleet: 'demo' };
const good = (line: string): Draft => {
  const d = parseLine(line, g);
  if (isFault(d)) throw new Error(JSON.stringify(d));
  return d;
};
const bad = (line: string): LineFault => {
  const d = parseLine(line, g);
  if (!isFault(d)) throw new Error(JSON.stringify(d));
  return d;
};

describe('the grammar', () => {
  it('every example of every verb that chat has is a line of it', () => {
    const lines = chatVerbs(COMMANDS).flatMap((c) => c.examples.map((e) => [c.verb, e.replace(/^tw /, '')] as const));
    expect(lines.length).toBeGreaterThan(25);
    for (const [verb, line] of lines) {
      const typed = line
        .replace(' -o json', '')
        .replace(/ > .*$/, '')
        .replace(/--because (".*?")(.*)$/, '$2 because $1')
        .replaceAll("'", '');
      expect(good(typed).verb, line).toBe(verb);
    }
  });

  it('a command that may need a vote, said as a line, is the command', () => {
    const because = new Set(['because']);
    for (const c of chatVerbs(COMMANDS).filter((x) => x.kind === 'forward')) {
      for (const e of c.examples) {
        const line = e
          .replace(/^tw /, '')
          .replace(/ -o json| > .*$|--because ".*?"/g, '')
          .replaceAll("'", '');
        const d = good(line.trim());
        const args = 'because' in d.args ? { ...d.args, because: undefined } : d.args;
        expect(good(lineOf(specOf(d.verb), d.args, because)), line).toEqual({ ...d, args });
      }
    }
  });

  it.each([
    [
      'release guestbook@v2 in demo --hold=commit because "black friday — jetzt"',
      'release',
      { target: 'guestbook@v2', hold: 'commit', because: 'black friday — jetzt' },
    ],
    ['drain mtl because wartung über nacht', 'drain', { cluster: 'mtl', because: 'wartung über nacht' }],
    ['status on sao,cloud:aws', 'status', { on: ['sao', 'cloud:aws'] }],
    ['status on all', 'status', { on: [] }],
    ['why #r3', 'why', { ip: 'r3' }],
    ['audit verify', 'audit verify', {}],
    ['release guestbook@v2 —yes', 'release', { target: 'guestbook@v2', yes: true }],
    ['promote guestbook\nand then something else', 'promote', { app: 'guestbook' }],
  ])('%s', (line, verb, args) => {
    const d = parseLine(line, g);
    expect(d).toMatchObject({ verb, args });
  });

  it.each([
    ['relase guestbook@v2', 'TW6001', 'release'],
    ['sandbox chaos heal', 'TW6102', 'no business'],
    ['token create x', 'TW6102', 'no business'],
    ['logs guestbook', 'TW6102', 'no business'],
    ['', 'TW6001', ''],
    ['help', 'TW6001', 'verbs: plan, up'],
    ['exec guestbook -- env', 'TW6102', 'one machine'],
    ['release', 'TW6002', 'app and version'],
    ['status because "black friday"', 'TW6002', '"status" keeps no reason'],
    ['release guestbook@v2 now', 'TW6002', 'wants nothing here'],
    ['release guestbook@v2 --strategie=atomic', 'TW6002', 'did you mean "--strategy"?'],
    ['release guestbook@v2 --yes=no', 'TW6002', 'takes no value'],
    ['release guestbook@v2 --plan', 'TW6002', 'a value is expected'],
    ['promote guestbook in prod', 'TW6002', 'here is the fleet "demo"'],
    ['promote guestbook on sao', 'TW6002', 'takes no clusters'],
    ['relеase guestbook@v2', 'TW6020', 'U+0435'],
    ['release guestbook@v2\u200b', 'TW6020', 'U+200B'],
    ['drain mtl\u202e', 'TW6020', 'U+202E'],
    ['status \u0007', 'TW6020', 'U+0007'],
    [`status ${'x'.repeat(65_536)}`, 'TW6020', '512 bytes'],
  ])('refuses %s', (line, code, why) => {
    const f = bad(line);
    expect(f.code).toBe(code);
    expect([f.value, ...f.why].join('\n')).toContain(why);
  });

  it('a verb that is none: the whole line with the nearest one, ready to send', () => {
    expect(bad('relase guestbook@v2 because "too slow"').fix).toEqual([
      { say: 'Did you mean', command: 'release guestbook@v2 because too slow' },
    ]);
    expect(bad('audit verfy').fix[0]?.command).toBe('audit verify');
  });

  it('points at the letter that only looks right', () => {
    expect(bad('relеase guestbook@v2').why.slice(1)).toEqual(['relеase guestbook@v2', '   ^']);
  });

  it('whatever is typed, it answers, and a command is always of the table', () => {
    const word = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('release', 'on', 'in', 'because', '--yes', 'a@b', '--plan=x', '—', '"'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 10 }), (words) => {
        const d = parseLine(words.join(' '), g);
        if (isFault(d)) expect(d.code).toMatch(/^TW6/);
        else expect(chatVerbs(COMMANDS).map((c) => c.verb)).toContain(d.verb);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the five phrases', () => {
  const standing: Standing = {
    versions: [
      { cluster: 'sao', version: 'v1', live: true },
      { cluster: 'sao', version: 'v2', live: false },
    ],
  };
  const preparing = { ...standing, open: { release: 'r2', green: 'v2', preparing: true } };
  const kept = {
    versions: standing.versions.map((v) => ({ ...v, live: !v.live })),
    open: { release: 'r2', green: 'v2', preparing: false },
  };
  const say = async (line: string, s = standing) => {
    const p = phraseOf(line, ['guestbook']);
    return p === undefined ? undefined : await expand(p, async () => s);
  };

  it.each([
    ['guestbook list', standing, 'versions guestbook'],
    ['guestbook current', standing, 'versions guestbook'],
    ['guestbook deploy v2', standing, 'release guestbook@v2 --hold=commit --yes'],
    ['guestbook enable v2', preparing, 'promote guestbook --release=r2 --yes'],
    ['guestbook enable v1', kept, 'rollback guestbook --release=r2'],
    ['guestbook delete v2', standing, 'retire guestbook --yes'],
    ['guestbook enable v9', standing, 'it is not prepared and not kept'],
    ['guestbook enable v1', standing, 'it is live already'],
    ['guestbook delete v1', standing, 'it is live on sao'],
    ['guestbook delete v9', standing, 'it runs nowhere'],
    ['guestbook delete v2', preparing, 'release r2 is open'],
    ['shop deploy v2', standing, undefined],
    ['guestbook deploy v2 now', standing, undefined],
    ['guestbook deploy', standing, undefined],
  ])('%s', async (line, s, meant) => {
    const x = await say(line, s);
    if (typeof x !== 'string') return expect(x?.why[0]).toBe(meant);
    expect(x).toBe(meant);
    expect(isFault(parseLine(x, g))).toBe(false);
  });
});

describe('several fleets that hear the same line', () => {
  const here = { fleet: 'shop', beside: ['demo'] };

  it('a line that names none is refused with a line for each; one that names another is none of ours', () => {
    expect(unsaid('rollback guestbook because “it is in shop”', here)).toMatchObject({
      code: 'TW6002',
      value: 'in',
      why: [expect.stringContaining('demo, shop'), 'rollback guestbook', '                  ^'],
      fix: [
        { command: 'rollback guestbook in demo because "it is in shop"' },
        { command: 'rollback guestbook in shop because "it is in shop"' },
      ],
    });
    for (const f of unsaid('rollback guestbook', here)?.fix ?? [])
      expect(unsaid(f.command ?? '', here)).toBeUndefined();
    expect(unsaid('rollback guestbook', { ...here, beside: [] })).toBeUndefined();
    const elsewhere = (line: string) => isElsewhere(line, here);
    expect(elsewhere('rollback guestbook in demo')).toBe(true);
    expect(elsewhere('rollback guestbook because we are in demo')).toBe(false);
    for (const line of [
      'rollback guestbook',
      'rollback guestbook in shop',
      'rollback guestbook in prod',
      'x in demo in shop',
    ])
      expect(elsewhere(line), line).toBe(false);
  });

  it('a button names its fleet in front of its reason; a phrase takes the name as well', () => {
    const deny = inFleet('deny a-1 because "denied by button"', 'shop');
    expect(deny).toBe('deny a-1 in shop because "denied by button"');
    expect(parseLine(deny, { ...g, fleet: 'shop' })).toMatchObject({
      verb: 'deny',
      args: { because: 'denied by button' },
    });
    expect(phraseOf(withoutFleet('guestbook deploy v2 in shop', 'shop'), ['guestbook'])).toMatchObject({
      version: 'v2',
    });
    expect(withoutFleet('guestbook deploy v2 in prod', 'shop')).toBe('guestbook deploy v2 in prod');
  });
});
