import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type Caller,
  COMMANDS,
  type Context,
  callerName,
  type Invocation,
  type Outcome,
  runCommand,
} from '../commands/index.ts';
import { checkConfig, loadConfig } from '../config/index.ts';
import { type Json, memoryJournal, memoryStore, StoreWorld, systemClock } from '../kernel/index.ts';
import { slackTransport } from './adapters/slack.ts';
import { runChat } from './run.ts';
import { SlackServer } from './testing/slack-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'tw-chat-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'tradewind.yaml');
writeFileSync(
  file,
  `fleet: shop
accounts: { aws: { account: "111122223333" } }
clusters: { eu: { cloud: aws, region: eu-west-1 } }
apps: { guestbook: { manifests: [k8s] } }
people:
  anna: { accounts: ["slack:T1:UA"], groups: [dev] }
  bob: { accounts: ["slack:T1:UB"], groups: [dev] }
rights: [{ who: [dev], may: [look, safe, forward, destroy, rule, approve] }]
approvals: [{ verbs: [promote], quorum: 1 }, { quorum: 0 }]
`,
);

/** Versions of the guestbook as the release verbs would leave them. */
class Engine {
  live = 'v1';
  green: string | undefined;
  readonly ran: string[] = [];
  readonly store = new StoreWorld();
  /** Releases end when this does. */
  gate: Promise<void> = Promise.resolve();

  context(): Context {
    return {
      cwd: dir,
      stateDir: dir,
      clock: systemClock,
      journal: () => memoryJournal(),
      book: () => memoryStore(undefined, this.store),
      config: () => loadConfig(file),
      engine: () => Promise.reject(new Error('no engine')),
      sandbox: () => Promise.reject(new Error('no sandbox')),
      close: async () => undefined,
    };
  }

  /** Release verbs are played, everything else is the real command behind the real gate. */
  async run(call: Invocation, io: Parameters<typeof runCommand>[2]): Promise<Outcome> {
    if (call.turn === 'check') return await runCommand(this.context(), call, io);
    this.ran.push(`${call.verb} ${call.from?.identity.actor ?? ''}`);
    if (call.verb === 'release') await this.gate;
    const played = this.#play(call);
    return played === undefined
      ? await runCommand(this.context(), call, io)
      : { data: played, view: { at: 0, rows: [] } };
  }

  #play({ verb, args }: Invocation): Json | undefined {
    const versions = [this.live, ...(this.green === undefined ? [] : [this.green])];
    const rows = versions.map((version) => ({ cluster: 'eu', version, live: version === this.live }));
    if (verb === 'versions') return { versions: rows };
    const open = this.green === undefined ? [] : [{ release: 'r1', green: this.green, decision: 'preparing' }];
    if (verb === 'history') return { releases: open };
    if (verb === 'release') this.green = (args['target'] as string).split('@')[1];
    else if (verb === 'promote' && this.green !== undefined) [this.live, this.green] = [this.green, undefined];
    else return undefined;
    return {};
  }
}

async function world(
  run: (x: {
    slack: SlackServer;
    engine: Engine;
    until: (w: () => boolean) => Promise<void>;
    restart: () => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const slack = new SlackServer();
  const api = await slack.start();
  const engine = new Engine();
  let ids = 0;
  let stop = new AbortController();
  let process: Promise<void> = Promise.resolve();
  const until = async (what: () => boolean): Promise<void> => {
    for (let i = 0; i < 1500 && !what(); i++) await new Promise((go) => setTimeout(go, 10));
    expect(what(), `${slack.messages.map((m) => slack.shown(m.channel)).join('\n')}\n${engine.ran.join(', ')}`).toBe(
      true,
    );
  };
  const begin = async (): Promise<void> => {
    const before = slack.connections;
    stop = new AbortController();
    const transport = slackTransport({
      botToken: 'b',
      appToken: 'a',
      team: 'T1',
      slash: '/tw',
      api,
      log: () => undefined,
    });
    Object.defineProperty(transport, 'gapMs', { value: 1 });
    const deps = {
      transports: [transport],
      log: () => undefined,
      book: engine.context().book(),
      clock: systemClock,
      newId: () => `c${++ids}`,
      grammar: async () => ({ table: COMMANDS, fleet: 'shop', apps: ['guestbook'], clusters: ['eu'] }),
      run: (call: Invocation, io: Parameters<typeof runCommand>[2]) => engine.run(call, io),
      nameOf: (caller: Caller) => callerName(engine.context(), caller),
      redact: async (line: string) => line,
    };
    process = runChat(deps, stop.signal);
    await until(() => slack.connections > before);
    await new Promise((go) => setTimeout(go, 20));
  };
  await begin();
  try {
    await run({
      slack,
      engine,
      until,
      restart: async () => {
        stop.abort();
        await process;
        await begin();
      },
    });
  } finally {
    stop.abort();
    await process;
    await slack.stop();
  }
}

describe('orders from Slack, through the gate', () => {
  it(
    'the five phrases of the proof of concept',
    () =>
      world(async ({ slack, engine, until }) => {
        const say = async (line: string, shown: string): Promise<void> => {
          slack.slash('UA', 'C1', line);
          await until(
            () =>
              slack.shown('C1').includes(shown) &&
              slack.shown('C1').includes(line) &&
              slack.shown('C1').includes(': done') === !shown.startsWith('TW'),
          );
        };
        await say('guestbook list', 'means: versions guestbook');
        await say('guestbook deploy v2', 'means: release guestbook@v2 --hold=commit --yes');
        await say('guestbook current', 'means: versions guestbook');
        await say('guestbook delete v1', 'TW6002');
        await say('guestbook enable v2', 'means: promote guestbook --release=r1 --yes');
        expect(engine.live).toBe('v2');
        await say('guestbook enable v9', 'TW6002');
      }),
    60_000,
  );

  it(
    'who is unknown does nothing; who is known freezes; a copy freezes once; a button acts for who presses it',
    () =>
      world(async ({ slack, engine, until, restart }) => {
        slack.slash('UX', 'C1', 'freeze because "x"');
        await until(() => slack.shown('C1').includes('TW6301'));
        slack.slash('UA', 'C1', 'freeze because "black friday"', { trigger: 't.1' });
        slack.slash('UA', 'C1', 'freeze because "black friday"', { trigger: 't.1' });
        await until(() => slack.shown('C1').includes('freeze f1') && slack.shown('C1').includes('done'));
        await restart();
        slack.slash('UA', 'C1', 'freeze because "black friday"', { trigger: 't.1' });
        slack.slash('UB', 'C2', 'promote guestbook in shop because "now"');
        await until(() => slack.shown('C2').includes('done') || slack.shown('C2').includes('TW'));
        expect(engine.ran.filter((r) => r.startsWith('freeze'))).toEqual(['freeze UX', 'freeze UA']);
        expect([...engine.store.kept.keys()].filter((k) => k.startsWith('freeze/'))).toEqual(['freeze/f1']);
        slack.mention('UB', 'C3', 'unfreeze');
        await until(() => slack.shown('C3').includes('freeze f1 is over'));
        expect(slack.messages.flatMap((m) => m.live)).toEqual([]);
      }),
    60_000,
  );

  it(
    'cards and the queue name persons; an account only where it is nobody’s',
    () =>
      world(async ({ slack, engine, until }) => {
        let open: () => void = () => undefined;
        engine.gate = new Promise((done) => (open = done));
        slack.slash('UA', 'C1', 'release guestbook@v2 --yes');
        await until(() => slack.shown('C1').includes('(anna): running'));
        slack.slash('UB', 'C2', 'release guestbook@v3 --yes');
        await until(() => slack.shown('C2').includes('(bob): waits behind 1'));
        slack.slash('UB', 'C3', 'queue');
        await until(() => slack.shown('C3').includes('(bob): done'));
        slack.slash('UX', 'C4', 'release guestbook@v4 --yes');
        await until(() => slack.shown('C4').includes('(slack:T1:UX): TW6301'));
        open();
        await until(() => ['C1', 'C2'].every((c) => slack.shown(c).includes('): done')));
        expect(slack.shown('C3')).toMatch(/release guestbook@v2 runs.*by anna[^]*release guestbook@v3 waits.*by bob/);
        expect(`${slack.shown('C1')}${slack.shown('C2')}${slack.shown('C3')}`).not.toMatch(/U[AB]/);
      }),
    60_000,
  );

  it(
    'Slack is down for the whole command: it runs all the same, and the card is right afterwards',
    () =>
      world(async ({ slack, engine, until }) => {
        slack.broken = 'down';
        slack.slash('UA', 'C1', 'freeze because "quiet"');
        await until(() => engine.store.kept.has('freeze/f1'));
        expect(slack.messages).toEqual([]);
        slack.broken = undefined;
        await until(() => slack.shown('C1').includes('done'));
        expect(slack.messages.filter((m) => m.channel === 'C1')).toHaveLength(1);
      }),
    60_000,
  );
});

it('the example of the how-to is a config', () => {
  const page = readFileSync(new URL('../../docs/how-to/chat.md', import.meta.url), 'utf8');
  const block = (/```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/\/\/.*$/gm, '');
  const base = {
    fleet: 'shop',
    accounts: { aws: { account: '111122223333' } },
    clusters: { eu: { cloud: 'aws', region: 'eu-west-1' } },
  };
  const config = checkConfig({ ...base, ...(parse(block) as object) }, file, '');
  expect(config.chat?.slack?.slash).toBe('/tw');
});
