import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Card } from '../commands/index.ts';
import { EXIT, fault, manualClock, memoryStore, type Row, StoreWorld, text } from '../kernel/index.ts';
import { githubTransport } from './adapters/github.ts';
import { Outbox } from './outbox.ts';
import { liveIn } from './testing/github-markdown.ts';
import { GithubServer } from './testing/github-server.ts';
import { cardView } from './view/card.ts';

const ROOM = 'acme/shop#12';
const TAGGED = 'beef000000000000000000000000000000000000';
const HEAD = 'feed000000000000000000000000000000000000';

/** Rows of a release as the terminal shows them. */
function rows(phases: Readonly<Record<string, string>>, id: string): Row[] {
  const kids = Object.entries(phases).map(
    ([key, phase]): Row => ({ key, tone: 'busy', label: [text(key)], cells: { phase: [text(phase)] }, kids: [] }),
  );
  return [{ key: id, tone: 'busy', label: [text(`guestbook@v2 ${id}: committed`)], cells: {}, kids }];
}
const card = (phases: Readonly<Record<string, string>>, more: Partial<Card> = {}, id = 'r7'): Card => ({
  id: 'c1',
  door: 'github',
  room: ROOM,
  line: 'release guestbook@v2 because "@acme/ops #12"',
  by: 'ana',
  state: 'running',
  behind: 0,
  verb: 'release',
  app: 'guestbook',
  view: { at: 0, rows: rows(phases, id) },
  at: 0,
  ...more,
});
const ended = (code: 'TW7030' | 'TW7008' | 'TW7041', exit: number): Partial<Card> => ({
  state: 'ended',
  problem: fault(code, { value: 'x' }).problem,
  exit,
});
const VOTES: Partial<Card> = {
  state: 'ended',
  problem: fault('TW6110', {
    value: 'a-0123456789ab',
    fix: [{ say: 'Then:', command: 'tw release guestbook@v2 --plan r-0123456789ab' }],
  }).problem,
};

describe('what a card says of a commit', () => {
  const of = (c: Card) => {
    const { check } = cardView(c, 1);
    return check === undefined ? undefined : `${check.of} ${check.state}: ${check.app}@${check.version} ${check.say}`;
  };
  it.each<[string, Card, string | undefined]>([
    ['under way', card({ sao: 'switching' }), 'r7 in_progress: guestbook@v2 is on its way'],
    ['live', card({ sao: 'serves', mtl: 'left out' }, { state: 'ended' }), 'r7 success: guestbook@v2 is live'],
    [
      'judged bad',
      card({ sao: 'back' }, ended('TW7030', EXIT.rolledBack)),
      'r7 failure: guestbook@v2 was taken back: TW7030 the judge failed the new version',
    ],
    [
      'taken back by a person',
      card({ sao: 'back' }, { state: 'ended', verb: 'rollback' }),
      'r7 neutral: guestbook@v2 was taken back by a person',
    ],
    [
      'left open',
      card({ sao: 'ready' }, ended('TW7008', EXIT.partial)),
      'r7 action_required: guestbook@v2 waits for somebody who goes on with it',
    ],
    ['taken over: the other card says it', card({ sao: 'ready' }, ended('TW7041', EXIT.locked)), undefined],
    [
      'votes are missing',
      card({}, { ...VOTES, view: { at: 0, rows: [] } }),
      'a-0123456789ab action_required: guestbook@v2 waits for votes',
    ],
    ['a card that only tells of a release', card({ sao: 'serves' }, { verb: 'status', state: 'ended' }), undefined],
    ['refused before it began', card({}, { ...ended('TW7008', 4), view: { at: 0, rows: [] } }), undefined],
  ])('%s', (_, c, said) => expect(of(c)).toBe(said));
});

let server: GithubServer;
let api = '';
const logged: string[] = [];
const stops: AbortController[] = [];
beforeEach(async () => {
  server = new GithubServer();
  api = await server.start();
  server.refs.set('tags/v2', TAGGED);
  logged.length = 0;
});
afterEach(async () => {
  for (const s of stops.splice(0)) s.abort();
  await server.stop();
});

/** A process: a transport and its outbox over the book that all of them share. */
function process(book: StoreWorld, more: Partial<Parameters<typeof githubTransport>[0]> = {}) {
  const { app, installation, privateKey } = server;
  const transport = githubTransport({
    account: { app, installation, privateKey },
    ...{ repositories: ['acme/shop'], slash: '/tw', api, webhookSecrets: [], fleet: 'demo', paced: false },
    ...{ deployments: false, checks: true },
    details: () => 'https://tw.example/releases',
    log: (line) => void logged.push(line),
    ...more,
  });
  const box = new Outbox({
    store: memoryStore(undefined, book),
    clock: manualClock(),
    transport,
    onDead: (room, why) => void logged.push(`${room}: ${why}`),
  });
  const stop = new AbortController();
  stops.push(stop);
  const loaded = box.load();
  const runs = loaded.then(() => box.run(stop.signal));
  const said = async (c: Card): Promise<void> => {
    await loaded;
    box.put(c);
    await expect.poll(() => box.behind).toBe(0);
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await runs;
  };
  return { said, end, box };
}
const shown = (): string[] =>
  server.checks.all.map((c) => `${c.head_sha.slice(0, 4)} ${c.name}: ${c.conclusion ?? c.status}: ${c.output.title}`);

describe('a release as a check run', () => {
  it('is one check on the commit of its version: made, kept up, ended; nothing in it is live', async () => {
    const p = process(new StoreWorld());
    await p.said(card({ sao: 'making' }));
    expect(shown()).toEqual(['beef demo: release guestbook: in_progress: guestbook@v2 is on its way']);
    expect(server.checks.all[0]).toMatchObject({
      external_id: 'demo guestbook r7',
      details_url: 'https://tw.example/releases',
    });
    expect(server.checks.all[0]?.output.summary).toContain('making');
    await p.said(card({ sao: 'serves' }, { state: 'ended', exit: 0 }));
    expect(shown()).toEqual(['beef demo: release guestbook: success: guestbook@v2 is live']);
    const { summary } = server.checks.all[0]?.output ?? { summary: '' };
    expect([summary.includes('serves'), summary.includes('<!--'), liveIn(summary)]).toEqual([true, false, []]);
    expect(server.cards(ROOM)).toHaveLength(1);
  });

  it('an answer that was lost, a process that died: the next one finds it, and makes no second', async () => {
    const book = new StoreWorld();
    const first = process(book);
    server.checks.lost = 1;
    await first.said(card({ sao: 'making' }));
    await first.end();
    const second = process(book);
    server.checks.lost = 1;
    await second.said(card({ sao: 'serves' }, { state: 'ended', exit: 0 }));
    await second.end();
    // As if it died before it wrote down that the end is shown.
    await process(book).said(card({ sao: 'serves' }, { state: 'ended', exit: 0 }));
    expect(shown()).toEqual(['beef demo: release guestbook: success: guestbook@v2 is live']);
  });

  it('an outage at the end: the end is shown when it is over', async () => {
    const p = process(new StoreWorld());
    await p.said(card({ sao: 'making' }));
    server.broken = 'down';
    p.box.put(card({ sao: 'back' }, ended('TW7030', EXIT.rolledBack)));
    await new Promise((go) => setTimeout(go, 100));
    expect(server.checks.all[0]?.status).toBe('in_progress');
    server.broken = undefined;
    await expect.poll(() => p.box.behind).toBe(0);
    expect(server.checks.all.map((c) => c.conclusion)).toEqual(['failure']);
    server.checks.down = 3;
    await p.said(card({ sao: 'serves' }, { id: 'c2', state: 'ended', exit: 0 }, 'r8'));
    expect(server.checks.all.map((c) => c.conclusion)).toEqual(['failure', 'success']);
    expect(server.cards(ROOM)).toHaveLength(2);
  });

  it('taken back after its end: the end stays, a new check takes its place', async () => {
    const p = process(new StoreWorld());
    await p.said(card({ sao: 'serves' }, { state: 'ended', exit: 0 }));
    const back = { id: 'c2', verb: 'rollback', line: 'rollback guestbook' };
    await p.said(card({ sao: 'going back' }, back));
    await p.said(card({ sao: 'back' }, { ...back, state: 'ended', exit: 0 }));
    expect(server.checks.all.map((c) => c.conclusion)).toEqual(['success', 'neutral']);
  });

  it('a version without a tag: the head of the pull request; of an issue none', async () => {
    server.refs.delete('tags/v2');
    await process(new StoreWorld()).said(card({ sao: 'making' }));
    expect([shown(), logged]).toEqual([[], []]);
    server.pulls.set(ROOM, HEAD);
    await process(new StoreWorld()).said(card({ sao: 'making' }));
    expect(shown()).toEqual(['feed demo: release guestbook: in_progress: guestbook@v2 is on its way']);
  });

  it('without the right the card goes on, and that is said once', async () => {
    server.checks.may = false;
    const p = process(new StoreWorld());
    await p.said(card({ sao: 'making' }));
    await p.said(card({ sao: 'serves' }, { state: 'ended', exit: 0 }));
    expect(server.shown(ROOM)).toContain('serves');
    expect(logged).toEqual([expect.stringContaining('a check is not shown: Resource not accessible')]);
  });

  it("another app's check that names the same release is left alone; turned off, there is none", async () => {
    const forged = { app: 5, head_sha: TAGGED, name: 'demo: release guestbook', external_id: 'demo guestbook r7' };
    server.checks.forge(forged);
    await process(new StoreWorld()).said(card({ sao: 'making' }));
    expect(server.checks.all.map((c) => [c.app, c.output.title])).toEqual([
      [5, 't'],
      [77, 'guestbook@v2 is on its way'],
    ]);
    await process(new StoreWorld(), { checks: false }).said(card({ sao: 'making' }, {}, 'r8'));
    expect(server.checks.all).toHaveLength(2);
  });

  it('the stand-in refuses what GitHub refuses', async () => {
    const post = async (body: object): Promise<number> => {
      const headers = { authorization: `token ${server.workflowToken()}` };
      const r = await fetch(`${api}/repos/acme/shop/check-runs`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return r.status;
    };
    const good = { name: 'x', head_sha: TAGGED, output: { title: 't', summary: 's' } };
    expect(await post({ ...good, status: 'completed', conclusion: 'success' })).toBe(201);
    for (const wrong of [
      { status: 'completed' },
      { status: 'completed', conclusion: 'done' },
      { status: 'running' },
      { head_sha: HEAD },
      { name: '' },
      { output: { title: 't' } },
      { output: { title: 't', summary: 'x'.repeat(65_536) } },
      { details_url: 'tw.example' },
    ])
      expect(await post({ ...good, ...wrong }), JSON.stringify(wrong).slice(0, 80)).toBe(422);
  });
});
