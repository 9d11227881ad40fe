import { readFileSync } from 'node:fs';
import { sign } from '@octokit/webhooks-methods';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Ignored, Inbound } from '../commands/index.ts';
import { checkConfig } from '../config/index.ts';
import { githubTransport } from './adapters/github.ts';
import type { Desk } from './ports.ts';
import { type CommentMore, GithubServer } from './testing/github-server.ts';
import { type Rig, transportContract, view } from './transport.contract.ts';

const ROOM = 'acme/shop#12';
const ANA = { id: 101 };

async function github(more: Partial<Parameters<typeof githubTransport>[0]> = {}) {
  const server = new GithubServer();
  const api = await server.start();
  const logged: string[] = [];
  const { app, installation, privateKey } = server;
  const transport = githubTransport({
    account: { app, installation, privateKey },
    repositories: ['Acme/Shop'],
    slash: '/tw',
    api,
    webhookSecrets: [server.secret],
    fleet: 'fleet',
    deployments: true,
    checks: true,
    details: () => undefined,
    paced: false,
    log: (line) => void logged.push(line),
    ...more,
  });
  server.target = (r) => transport.hook(r);
  return { server, transport, logged, api };
}

transportContract('github', async (): Promise<Rig> => {
  const { server, transport } = await github();
  let last: () => Promise<unknown> = async () => undefined;
  return {
    transport,
    person: '101',
    room: ROOM,
    type: async (person, room, line) => {
      const d = await server.comment({ id: Number(person) }, room, `/tw ${line}\r\n\r\nand more`);
      last = () => server.redeliver(d);
    },
    repeat: async () => void (await last()),
    shown: (room) => server.shown(room),
    count: (room) => server.cards(room).length,
    live: (room) => server.live(room),
    wipe: () => void server.comments.splice(0),
    limit: (on) => void (server.broken = on ? 'secondary' : undefined),
    end: () => server.stop(),
  };
});

interface Listening extends Awaited<ReturnType<typeof github>> {
  heard: Inbound[];
  ignored: Ignored[];
  fail: (n: number) => void;
}

async function listening(run: (x: Listening) => Promise<void>, more: Parameters<typeof github>[0] = {}): Promise<void> {
  const x = await github(more);
  const heard: Inbound[] = [];
  const ignored: Ignored[] = [];
  let failures = 0;
  const desk: Desk = {
    ignored: (i) => void ignored.push(i),
    submit: async (i) => {
      if (failures-- > 0) throw new Error('full');
      heard.push(i);
      return { id: 'c', first: true };
    },
  };
  const stop = new AbortController();
  const listens = x.transport.listen(desk, stop.signal);
  try {
    await run({ ...x, heard, ignored, fail: (n) => void (failures = n) });
  } finally {
    stop.abort();
    await listens;
    await x.transport.close();
    await x.server.stop();
  }
}

describe('github: what is heard', () => {
  it('who and where are ids that never change; keys are the delivery and the comment', () =>
    listening(async ({ server, heard }) => {
      const at = Date.now() - 3000;
      const d = await server.comment(ANA, ROOM, '/tw release guestbook@v2', { at });
      expect(d.status_code).toBe(202);
      expect(heard).toEqual([
        {
          keys: ['github 127.0.0.1 comment 1', `github 127.0.0.1 delivery ${d.guid}`],
          line: 'release guestbook@v2',
          caller: { door: 'github', identity: { platform: 'github', tenant: '127.0.0.1', actor: '101' } },
          room: ROOM,
          typedAt: at,
        },
      ]);
    }));

  /** What is not heard, and what the audit says of it. */
  const SILENT: readonly [string, string, CommentMore & { type?: 'Bot' | 'Organization' }, string?][] = [
    ['an edited comment', '/tw status', { action: 'edited' }, 'the comment was edited'],
    ['a deleted comment', '/tw status', { action: 'deleted' }],
    ['a bot', '/tw status', { type: 'Bot' }, 'no person wrote it by hand'],
    ['an organization', '/tw status', { type: 'Organization' }, 'no person wrote it by hand'],
    ['an app in the name of a person', '/tw status', { via: { id: 5 } }, 'no person wrote it by hand'],
    ['a comment of somebody else', '/tw status', { author: 102 }, 'no person wrote it by hand'],
    ['another installation', '/tw status', { installation: 1 }, 'the config does not name the repository'],
    ['another event', '/tw status', { event: 'pull_request_review_comment' }],
    ['a quote', '> /tw release guestbook@v2', {}, 'it stands in a quote or in code'],
    ['a fence', '```\n/tw release guestbook@v2\n```', {}, 'it stands in a quote or in code'],
    ['code by indent', '    /tw status', {}, 'it stands in a quote or in code'],
    ['a code span', '`/tw status`', {}, 'it stands in a quote or in code'],
    ['the second line', 'Hello\r\n/tw release guestbook@v2', {}],
    ['another word', '/twist again', {}],
    ['a full-width slash', '\uff0ftw status', {}, 'it is written in look-alike letters'],
    ['nothing', '', {}],
  ];
  it.each(SILENT)('not heard, and not answered: %s', (_, body, { type, ...more }, why) =>
    listening(async ({ server, heard, ignored }) => {
      const d = await server.comment({ ...ANA, ...(type === undefined ? {} : { type }) }, ROOM, body, more);
      expect([d.status_code, heard]).toEqual([202, []]);
      expect(server.cards(ROOM)).toEqual([]);
      expect(ignored.map((i) => i.why)).toEqual(why === undefined ? [] : [why]);
      const { identity } = ignored[0]?.caller ?? { identity: { actor: '101' } };
      expect([identity.actor, ignored[0]?.room ?? ROOM]).toEqual(['101', ROOM]);
    }),
  );

  it('a repository that the config does not name is not heard, and logged', () =>
    listening(async ({ server, heard, logged }) => {
      await server.comment(ANA, 'acme/other#1', '/tw status');
      expect(heard).toEqual([]);
      expect(logged).toEqual(['github: a comment in acme/other#1 was not heard; the config does not name it']);
    }));

  it('only signed bytes are read; a second secret is good while it is changed', async () => {
    await listening(async ({ server, heard, transport }) => {
      expect((await server.comment(ANA, ROOM, '/tw status', { secret: 'wrong' })).status_code).toBe(401);
      const good = await server.comment(ANA, ROOM, '/tw status');
      const headers = Object.fromEntries(Object.entries(good.headers).map(([k, v]) => [k.toLowerCase(), v]));
      const changed = good.body.replace('status', 'down  ');
      expect(await transport.hook({ headers, body: changed })).toEqual({ status: 401 });
      expect(await transport.hook({ headers: { ...headers, 'x-hub-signature-256': '' }, body: good.body })).toEqual({
        status: 401,
      });
      expect(await transport.hook({ headers, body: '' })).toEqual({ status: 401 });
      expect(heard).toHaveLength(1);
    });
    await listening(
      async ({ server, heard }) => {
        expect((await server.comment(ANA, ROOM, '/tw status', { secret: 'new' })).status_code).toBe(202);
        expect((await server.comment(ANA, ROOM, '/tw status')).status_code).toBe(202);
        expect((await server.comment(ANA, ROOM, '/tw status', { secret: 'older' })).status_code).toBe(401);
        expect(heard).toHaveLength(2);
      },
      { webhookSecrets: ['new', 'webhook-secret'] },
    );
    await listening(
      async ({ server }) => expect((await server.comment(ANA, ROOM, '/tw status')).status_code).toBe(401),
      { webhookSecrets: [''] },
    );
  });

  it('what is no comment at all does no harm', () =>
    listening(async ({ server, heard, transport, logged }) => {
      const odd: unknown[] = [
        [],
        {},
        { action: 'created' },
        { action: 'created', comment: null, sender: { id: 'x', type: 'User' } },
      ];
      for (const payload of odd) expect((await server.post('issue_comment', payload as object)).status_code).toBe(202);
      expect((await server.post('ping', { zen: 'x' })).status_code).toBe(202);
      const body = 'payload=%7B%7D';
      const signature = await sign(server.secret, body);
      const headers = { 'x-github-event': 'issue_comment', 'x-hub-signature-256': signature };
      expect(await transport.hook({ headers: { ...headers, 'x-github-delivery': 'd1' }, body })).toEqual({
        status: 400,
      });
      expect(await transport.hook({ headers, body })).toEqual({ status: 400 });
      expect(logged).toEqual([
        'github: a comment is no JSON; the content type of the webhook must be application/json',
      ]);
      expect(heard).toEqual([]);
    }));

  it('503 before it listens and when a line could not be kept', async () => {
    const { server, transport } = await github();
    expect((await server.comment(ANA, ROOM, '/tw status')).status_code).toBe(503);
    await transport.close();
    await server.stop();
    await listening(async ({ server: s, heard, fail }) => {
      fail(1);
      expect((await s.comment(ANA, ROOM, '/tw status')).status_code).toBe(503);
      expect(heard).toEqual([]);
    });
  });

  it('what came while nobody listened is told on start, once, as missed; what was delivered again since is not', async () => {
    const { server, transport } = await github();
    const lost = await server.comment(ANA, ROOM, '/tw release guestbook@v2');
    await server.comment(ANA, ROOM, 'no command');
    await server.comment({ id: 5, type: 'Bot' }, ROOM, '/tw status');
    server.target = async () => ({ status: 202 });
    const fine = await server.comment(ANA, ROOM, '/tw status');
    server.target = async () => ({ status: 503 });
    await server.redeliver(fine);
    await server.redeliver(lost);
    const heard: Inbound[] = [];
    for (let n = 0; n < 2; n++) {
      const stop = new AbortController();
      const desk = { submit: async (i: Inbound) => ({ id: 'c', first: heard.push(i) > 0 }), ignored: () => undefined };
      const listens = transport.listen(desk, stop.signal);
      for (let i = 0; i < 300 && heard.length === 0; i++) await new Promise((go) => setTimeout(go, 10));
      stop.abort();
      await listens;
    }
    expect(heard.map((h) => [h.line, h.missed, h.keys.at(-1)])).toEqual([
      ['release guestbook@v2', true, `github 127.0.0.1 delivery ${lost.guid}`],
    ]);
    await server.stop();
  });

  it('an app that GitHub refuses is said; a GitHub that is down is not the end', async () => {
    const { server, transport, logged } = await github({
      account: { app: 1, installation: 4711, privateKey: new GithubServer().privateKey },
    });
    const desk = { submit: async () => ({ id: 'c', first: true }), ignored: () => undefined };
    await expect(transport.listen(desk, new AbortController().signal)).rejects.toThrow('refuses the app (401)');
    await server.stop();
    const stop = new AbortController();
    const listens = transport.listen(desk, stop.signal);
    for (let i = 0; i < 300 && logged.length === 0; i++) await new Promise((go) => setTimeout(go, 10));
    expect(logged[0]).toContain('missed comments are not known');
    stop.abort();
    await listens;
  });
});

describe('github: what is said', () => {
  it('limits, refusals and outages are the faults that the outbox knows', async () => {
    const { server, transport } = await github();
    const ref = await transport.post(ROOM, view());
    for (const [broken, fault] of [
      ['secondary', { is: 'later', afterMs: 1000 }],
      ['limited', { is: 'later', afterMs: 1000 }],
      ['down', { is: 'later', afterMs: 0 }],
      ['forbidden', { is: 'never' }],
    ] as const) {
      server.broken = broken;
      const calls = [
        () => transport.post(ROOM, view()),
        () => transport.update(ROOM, ref, view()),
        () => transport.find(ROOM, 'c1'),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject(fault);
    }
    await expect(transport.post('nowhere', view())).rejects.toMatchObject({ is: 'never' });
    await server.stop();
    await expect(transport.post(ROOM, view())).rejects.toMatchObject({ is: 'later' });
  });

  it('a card is found on any page, and never in the copy that a person made of it', async () => {
    const { server, transport } = await github();
    server.perPage = 3;
    const ref = await transport.post(ROOM, view({ id: 'c9' }));
    const copy = server.cards(ROOM)[0]?.body ?? '';
    for (let i = 0; i < 8; i++) server.write({ room: ROOM, body: copy, user: { id: 101, type: 'User' } });
    expect(await transport.find(ROOM, 'c9')).toBe(ref);
    expect(await transport.find(ROOM, 'c')).toBeUndefined();
    await server.stop();
  });

  it('no buttons: the exact lines to type', async () => {
    const { server, transport } = await github();
    await transport.post(ROOM, view({ buttons: [{ label: 'Approve', line: 'approve a-3f09c2d81b7e', kind: 'go' }] }));
    expect(server.shown(ROOM)).toContain('/tw approve a-3f09c2d81b7e\n');
    expect(server.shown(ROOM)).toContain('Approve');
    await server.stop();
  });

  it('writes are spaced as GitHub asks for, and a limit is not waited for in silence', async () => {
    const { server, transport } = await github({ paced: true });
    const ref = await transport.post(ROOM, view());
    const since = Date.now();
    server.broken = 'secondary';
    await expect(transport.update(ROOM, ref, view())).rejects.toMatchObject({ is: 'later', afterMs: 1000 });
    server.broken = undefined;
    await transport.update(ROOM, ref, view());
    await transport.update(ROOM, ref, view());
    expect(Date.now() - since).toBeGreaterThan(1900);
    await server.stop();
  });
});

describe('github: deployments', () => {
  const release = (
    states: Readonly<Record<string, 'queued' | 'in_progress' | 'success' | 'failure'>>,
    version = 'v2',
  ) => ({
    id: 'r7',
    app: 'guestbook',
    version,
    clusters: Object.entries(states).map(([name, state]) => ({ name, state })),
  });

  it('one environment a cluster, merged nowhere, one status a turn, also over a restart', async () => {
    const { server, transport, api } = await github();
    server.refs.set('tags/v2', 'beef000000000000000000000000000000000000');
    const ref = await transport.post(ROOM, view({ release: release({ sao: 'in_progress', mtl: 'queued' }) }));
    await transport.close();
    const { app, installation, privateKey } = server;
    const account = { app, installation, privateKey };
    const rest = {
      repositories: [],
      slash: '/tw',
      webhookSecrets: [],
      fleet: 'fleet',
      deployments: true,
      checks: false,
      details: () => undefined,
      paced: false,
      log: () => undefined,
    };
    const next = githubTransport({ ...rest, account, api });
    await next.update(ROOM, ref, view({ release: release({ sao: 'in_progress', mtl: 'in_progress' }) }));
    await next.update(ROOM, ref, view({ release: release({ sao: 'success', mtl: 'failure' }) }));
    await next.close();
    expect(server.deployments.map((d) => [d.environment, d.ref.slice(0, 4), d.states.at(-1)])).toEqual([
      ['fleet/sao', 'beef', 'success'],
      ['fleet/mtl', 'beef', 'failure'],
    ]);
    expect(server.deployments[0]?.states).toEqual(['in_progress', 'success']);
    expect(server.deployments[0]?.asked).toMatchObject({ auto_merge: false, required_contexts: [] });
    await server.stop();
  });

  it('a version without a tag is shown at the default branch; without the right none is shown, and that is said once', async () => {
    const { server, transport, logged } = await github();
    const ref = await transport.post(ROOM, view({ release: release({ sao: 'queued' }, 'v9') }));
    await transport.close();
    expect(server.deployments.map((d) => d.ref.slice(0, 6))).toEqual(['c0ffee']);
    server.mayDeploy = false;
    for (let n = 0; n < 2; n++) await transport.update(ROOM, ref, view({ release: release({ sao: 'success' }, 'v9') }));
    await transport.close();
    expect(logged).toHaveLength(1);
    expect(server.shown(ROOM)).toContain('release guestbook@v2');
    await server.stop();
  });
});

it('the example of the how-to is a config; what is no repository, app or word is refused', () => {
  const page = readFileSync(new URL('../../docs/how-to/github.md', import.meta.url), 'utf8');
  const block = parse((/```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/\/\/.*$/gm, '')) as {
    chat: { github: object };
  };
  const base = {
    fleet: 'shop',
    accounts: { aws: { account: '111122223333' } },
    clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
    apps: { guestbook: { manifests: ['k8s'] } },
  };
  const check = (more: object) =>
    checkConfig({ ...base, ...block, chat: { github: { ...block.chat.github, ...more } } }, 'tradewind.yaml', '');
  expect(check({}).chat?.github).toMatchObject({
    slash: '/tw',
    deployments: true,
    checks: true,
    api: 'https://api.github.com',
  });
  for (const wrong of [
    { repositories: [] },
    { repositories: ['shop'] },
    { app: 0 },
    { slash: 'tw' },
    { api: 'x' },
    { token: 'x' },
  ])
    expect(() => check(wrong), JSON.stringify(wrong)).toThrow('TW1003');
});
