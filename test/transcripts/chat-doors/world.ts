import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatDeps, Transport } from '../../../src/chat/index.ts';
import { runChat } from '../../../src/chat/index.ts';
import {
  COMMANDS,
  type Context,
  callerName,
  type Invocation,
  type Io,
  isRun,
  redactorOf,
  runCommand,
  runJournal,
} from '../../../src/commands/index.ts';
import { CLUSTERS, Shop } from '../../../src/commands/release/released.fixtures.ts';
import { fault, memoryStore, type Store, StoreWorld, systemClock } from '../../../src/kernel/index.ts';
import type { ServerDeps } from '../../../src/server/index.ts';

export const PERSONS = ['ana', 'bo', 'eve'] as const;
export const APP = 'guestbook';

const RULES = {
  rights: [
    { who: ['crew'], may: ['look', 'safe', 'forward', 'destroy', 'rule', 'approve'] },
    { who: ['eve'], may: ['look'] },
  ],
  approvals: [{ verbs: ['release'], quorum: 1, ttl: '24h' }, { quorum: 0 }],
};

const LOOK: Invocation = { verb: 'status', args: {} };

/** Three clusters in memory behind the real verbs and the real gate, with one book; doors lead into it. */
export class World {
  readonly dir = mkdtempSync(join(tmpdir(), 'tw-doors-'));
  readonly shop: Shop;
  readonly kept = new StoreWorld();
  #ids = 0;

  /** `account` of each person as the door has it; absent = the config names nobody. */
  constructor(account?: (person: string, stateDir: string) => string, more: object = {}, release: object = {}) {
    const named = PERSONS.map(
      (p) => [p, { accounts: [account?.(p, this.dir)], groups: p === 'eve' ? [] : ['crew'] }] as const,
    );
    const rules = account === undefined ? {} : { people: Object.fromEntries(named), ...RULES };
    this.shop = new Shop(release, { app: APP, ...rules, ...more });
  }

  newId(): string {
    return `id${(this.#ids += 1)}`;
  }

  book(): Store {
    return memoryStore(undefined, this.kept);
  }

  /** As a process would have it for one command. */
  context(call: Invocation): Context {
    const run = isRun(call.verb) ? (call.run ?? this.newId()) : undefined;
    const { journal } = this.shop;
    return {
      ...this.shop.context,
      cwd: this.dir,
      stateDir: this.dir,
      journal: () => (run === undefined ? journal : runJournal(journal, run)),
      book: () => this.book(),
      sandbox: () => Promise.reject(fault('TW9008')),
      close: async () => undefined,
    };
  }

  /** Listens to a chat until the signal fires. */
  chat(transports: readonly Transport[], signal: AbortSignal, guard = async (c: Context) => c): Promise<void> {
    const deps: ChatDeps = {
      transports,
      log: () => undefined,
      book: this.book(),
      clock: systemClock,
      newId: () => this.newId(),
      grammar: async () => ({ table: COMMANDS, fleet: 'demo', apps: [APP], clusters: CLUSTERS }),
      run: async (call: Invocation, io: Io) => await runCommand(await guard(this.context(call)), call, io),
      nameOf: (caller) => callerName(this.context(LOOK), caller),
      redact: async (line) => (await redactorOf(this.context(LOOK), process.env, { typed: true })).text(line),
    };
    return runChat(deps, signal);
  }

  /** What a server works with, without its pages. */
  server(more: Pick<ServerDeps, 'lab'> & Partial<ServerDeps>): ServerDeps {
    return {
      stateDir: this.dir,
      version: '0.0.0',
      clock: systemClock,
      journal: this.shop.journal,
      newId: () => this.newId(),
      engine: async (call) => this.context(call),
      stamp: () => '',
      place: () => 'sandbox',
      config: () => undefined,
      alive: () => true,
      hook: () => undefined,
      chatDepth: () => ({}),
      web: async () => new Map(),
      ...more,
    };
  }

  async close(): Promise<void> {
    this.shop.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
