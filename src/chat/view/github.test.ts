import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Card } from '../../commands/index.ts';
import { type ReleaseView, releaseRows } from '../../release/index.ts';
import { liveIn, readIn } from '../testing/github-markdown.ts';
import { githubMessage } from './github.ts';
import { codeBlock, codeSpan } from './markdown.ts';
import { releaseOf } from './release.ts';

const CORPUS = [
  '@everyone @acme/ops',
  '#12 GH-12 acme/shop#12',
  'deadbeefcafe deadbeefcafe0000000000000000000000000000',
  'http://evil.example www.evil.example eve@evil.example',
  '[x](http://evil.example) ![x](http://evil.example/p.png)',
  '`tick` ``two`` ```three``` `',
  '\n```\n@acme/ops\n```\n',
  '\r\n\r\n# Head\n- [ ] box\n> quote',
  '--> <!-- <script>alert(1)</script> <img src=x>',
  '|a|b|\n|-|-|\n|@ana|#1|',
  '\u202eevil\u200b \u2028@ana',
  '$`math`$ :tada: [^1] [^1]: @ana',
  '\ud83d',
  '    indented',
  '`'.repeat(400),
  'x'.repeat(5000),
];
const nasty = fc.oneof(
  fc.constantFrom(...CORPUS),
  fc
    .array(
      fc.constantFrom(
        '`',
        '``',
        '```',
        '@ana',
        '#1',
        '\n',
        ' ',
        '\\',
        '<',
        '>',
        '-',
        '|',
        '*',
        '_',
        '[',
        ']',
        '(',
        ')',
        '!',
        'https://a.b',
      ),
      { maxLength: 40 },
    )
    .map((p) => p.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
);
const card = fc.record({
  id: nasty,
  revision: fc.nat(),
  line: nasty,
  by: nasty,
  mark: nasty,
  state: nasty,
  rows: fc.array(fc.record({ mark: nasty, label: nasty, cells: nasty }), { maxLength: 40 }),
  more: fc.nat(3),
  notes: fc.array(nasty, { maxLength: 12 }),
  buttons: fc.array(fc.record({ label: nasty, line: nasty, kind: fc.constantFrom('go' as const, 'stop' as const) }), {
    maxLength: 8,
  }),
});

describe('markdown of GitHub', () => {
  it('whatever the words are: nothing is live, and it fits', () => {
    fc.assert(
      fc.property(card, (v) => {
        const body = githubMessage(v, '/tw');
        expect(liveIn(body)).toEqual([]);
        expect(body.length).toBeLessThanOrEqual(65_536);
        expect(body).toMatch(/^<!-- tradewind card [\w-]* -->\n/);
        // Longer fences of spans are none to GitHub.
        expect(body).not.toMatch(/`{81}/);
      }),
      { numRuns: 300 },
    );
  });

  it('the largest card fits too', () => {
    const most = '`'.repeat(20).concat('x').repeat(300);
    const rows = Array.from({ length: 60 }, () => ({ mark: most, label: most, cells: most }));
    const buttons = Array.from({ length: 9 }, () => ({ label: most, line: most.slice(0, 512), kind: 'go' as const }));
    const v = {
      id: most,
      revision: 1,
      line: most,
      by: most,
      mark: most,
      state: most,
      rows,
      more: 7,
      notes: Array.from({ length: 20 }, () => most),
      buttons,
    };
    expect(githubMessage(v, '/tw').length).toBeLessThanOrEqual(65_536);
  });

  it('words come out as they went in', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (s) => {
        const plain = s
          .replace(/[^ -~]/g, '')
          .replace(/`{20,}/g, '')
          .trim();
        expect(readIn(codeSpan(plain)).trim()).toBe(plain);
        if (plain !== '') expect(readIn(codeBlock([plain])).trim()).toBe(plain);
      }),
    );
  });

  it('a line of backticks does not end the block, lines of one piece stay one line', () => {
    for (const fence of ['```', '````', '`'.repeat(30)]) expect(liveIn(codeBlock([fence, '@ana #12']))).toEqual([]);
    expect(readIn(codeSpan('a\r\nb'))).toContain('a b');
  });

  it('a checker that sees what is live', () => {
    for (const bad of CORPUS.slice(0, 5)) expect(liveIn(bad)).not.toEqual([]);
    expect(liveIn('`@ana')).not.toEqual([]);
    expect(liveIn('<b>x</b>')).not.toEqual([]);
  });

  it('a line to type that would be cut is left out', () => {
    const v = {
      id: 'c',
      revision: 1,
      line: 'x',
      by: 'a',
      mark: '●',
      state: 's',
      rows: [],
      more: 0,
      notes: [],
      buttons: [{ label: 'Deny', line: `deny a because "${'x'.repeat(600)}"`, kind: 'stop' as const }],
    };
    expect(githubMessage(v, '/tw')).not.toContain('To go on');
  });
});

describe('the release of a card', () => {
  const lane = (name: string, phase: string): ReleaseView['lanes'][number] => ({
    name,
    phase,
    version: 'v2',
    vote: true,
    wave: 0,
    verdict: '',
    braked: false,
    lagging: false,
    flippedAtMs: null,
    why: null,
  });
  const shown = (phases: Readonly<Record<string, string>>): ReleaseView => ({
    app: 'guestbook',
    release: 'r7',
    planId: 'p-1',
    green: 'v2',
    decision: 'committed',
    step: 'flip',
    wave: 0,
    waves: 2,
    epoch: 3,
    by: 'ana',
    outcome: 'open',
    cause: null,
    rollbackUntilMs: null,
    pointOfNoReturn: false,
    skewMs: null,
    lanes: Object.entries(phases).map(([name, phase]) => lane(name, phase)),
    why: [],
  });
  const cardOf = (v: ReleaseView, more: Partial<Card> = {}): Card => ({
    id: 'c1',
    door: 'github',
    room: 'acme/shop#1',
    line: 'release guestbook@v2',
    by: 'github:101',
    state: 'running',
    behind: 0,
    at: 0,
    app: 'guestbook',
    view: releaseRows(v, 0),
    ...more,
  });
  const states = (c: Card) => Object.fromEntries((releaseOf(c)?.clusters ?? []).map((x) => [x.name, x.state]));

  it('is read from the rows that the terminal shows', () => {
    const v = shown({ sao: 'serves', mtl: 'switching', fra: 'waits', lag: 'left out' });
    expect(releaseOf(cardOf(v))).toMatchObject({ id: 'r7', app: 'guestbook', version: 'v2' });
    expect(states(cardOf(v))).toEqual({ sao: 'success', mtl: 'in_progress', fra: 'queued', lag: 'failure' });
  });

  it('what is not there when it failed has failed; cards of other verbs have none', () => {
    const v = shown({ sao: 'back', mtl: 'checking', fra: 'waits' });
    const problem = { code: 'TW7001' } as Card['problem'] & object;
    expect(states(cardOf(v, { state: 'ended', problem }))).toEqual({ sao: 'failure', mtl: 'failure', fra: 'failure' });
    expect(releaseOf(cardOf(v, { app: 'shop' }))).toBeUndefined();
    const other = { at: 0, rows: [{ key: 'x', tone: 'ok' as const, label: [], cells: {}, kids: [] }] };
    expect(releaseOf(cardOf(v, { view: other }))).toBeUndefined();
    expect(releaseOf(cardOf(v, { view: { at: 0, rows: [] } }))).toBeUndefined();
  });
});
