// A change of the answers: how long from telling it until the last of three servers sends the users elsewhere. Ours is
// told directly (all three, or one that passes it on) or by the file it watches; CoreDNS reads its hosts file again.

import { Resolver } from 'node:dns/promises';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOST } from '../src/traffic/machine/fixtures.ts';
import type { Hold } from '../src/traffic/model.ts';
import { createRig, type Rig } from '../src/traffic/nameserver/rig.ts';
import { signSnapshot } from '../src/traffic/sign.ts';
import { freePort, until, withScratch } from './lib/child.ts';
import { BINS, median, ms, type Row, table } from './lib/measure.ts';

const SERVERS = ['sao', 'mtl', 'syd'];
const ROUNDS = 11;
const LIMIT_MS = 20_000;
/** Tightest that CoreDNS looks at its file in this comparison; its default is a minute. */
const RELOAD = '100ms';

interface Fleet {
  name: string;
  /** Sends the users of the first site there (0), or elsewhere (1). */
  tell(to: 0 | 1): Promise<void>;
  /** Where each server sends them; undefined: no answer. */
  ask(): Promise<(0 | 1 | undefined)[]>;
}

async function change(f: Fleet, to: 0 | 1): Promise<{ took: number; lost: number }> {
  const began = performance.now();
  let lost = 0;
  await f.tell(to);
  for (;;) {
    const seen = await f.ask();
    lost += seen.filter((s) => s === undefined).length;
    if (seen.every((s) => s === to)) return { took: performance.now() - began, lost };
    if (performance.now() - began > LIMIT_MS) throw new Error(`${f.name}: not within ${LIMIT_MS} ms`);
    await delay(1);
  }
}

const hold: Hold = { id: 'd', kind: 'drain', cluster: 'sao', by: 'bench', why: '', since: 0 };

async function askRig(rig: Rig): ReturnType<Fleet['ask']> {
  const answers = await Promise.all(SERVERS.map((s) => rig.ask(s).catch(() => [])));
  return answers.map((a) => (a.length === 0 ? undefined : a[0] === 'sao' ? 0 : 1));
}

function ours(rig: Rig, how: 'all' | 'one' | 'file'): Fleet {
  const post = async (server: string, body: string): Promise<void> => {
    const url = `http://127.0.0.1:${rig.servers[server]?.httpPort}/peers`;
    const res = await fetch(url, { method: 'POST', body });
    await res.text();
    if (res.status !== 200) throw new Error(`${server} answered ${res.status}`);
  };
  const names = { all: 'told to all three', one: 'told to one, which passes it on', file: 'by the file it watches' };
  return {
    name: `ours, ${names[how]}`,
    ask: () => askRig(rig),
    tell: async (to) => {
      const shot = await rig.publish(how === 'file' ? SERVERS : [], { holds: to === 1 ? [hold] : [] });
      if (how === 'file') return;
      const body = JSON.stringify({ snapshot: signSnapshot(shot, rig.keys.privateKey) });
      await Promise.all((how === 'all' ? SERVERS : ['syd']).map((s) => post(s, body)));
    },
  };
}

const binary = join(BINS, 'tw-coredns');

async function coredns(dir: string, start: (argv: string[]) => unknown): Promise<Fleet> {
  const hosts = join(dir, 'hosts');
  const write = (to: 0 | 1): void => writeFileSync(hosts, `127.0.1.${to + 1} ${HOST}\n`);
  write(0);
  const resolvers: Resolver[] = [];
  for (const server of SERVERS) {
    const port = await freePort();
    const file = join(dir, `Corefile-${server}`);
    const plugin = `hosts ${hosts} {\n    ttl 30\n    reload ${RELOAD}\n  }`;
    writeFileSync(file, `.:${port} {\n  bind 127.0.0.1\n  ${plugin}\n}\n`);
    start([binary, '-conf', file]);
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    resolvers.push(resolver);
  }
  const asked = async (r: Resolver): Promise<0 | 1 | undefined> => {
    const [ip] = await r.resolve4(HOST).catch(() => []);
    return ip === undefined ? undefined : ip === '127.0.1.1' ? 0 : 1;
  };
  const ask = (): ReturnType<Fleet['ask']> => Promise.all(resolvers.map(asked));
  await until('CoreDNS answers', async () => (await ask()).every((s) => s === 0));
  return { name: `CoreDNS, plugin hosts, reload ${RELOAD}`, ask, tell: async (to) => write(to) };
}

await withScratch(async (s) => {
  const rig = await createRig();
  try {
    await rig.publish(SERVERS, {});
    await until('ours answers', async () => (await askRig(rig)).every((x) => x === 0));
    const fleets = [ours(rig, 'all'), ours(rig, 'one'), ours(rig, 'file')];
    if (existsSync(binary)) fleets.push(await coredns(s.dir, (argv) => s.start(argv)));
    const all = new Map<string, { took: number; lost: number }[]>(fleets.map((f) => [f.name, []]));
    for (let i = 0; i < ROUNDS; i++) {
      for (const f of fleets) {
        await delay(100 + 17 * i); // not always at the same point of anybody's interval
        all.get(f.name)?.push(await change(f, 1));
        await change(f, 0);
      }
    }
    const rows = fleets.map((f): Row => {
      const seen = (all.get(f.name) ?? []).slice(1); // the first one warms up
      const took = seen.map((x) => x.took);
      const text = `${ms(median(took))} (worst ${ms(Math.max(...took))}), ${seen.reduce((n, x) => n + x.lost, 0)} lost`;
      const peer = f.name.startsWith('CoreDNS');
      const mine = median((all.get(fleets[0]?.name ?? '') ?? []).slice(1).map((x) => x.took));
      return peer
        ? { name: f.name, ours: ms(mine), peer: text, ratio: mine / median(took) }
        : { name: f.name, ours: text, ...(f === fleets[0] ? { goal: '≤ 20 ms' } : {}) };
    });
    table('a change of the answers, until the last of three servers (median of 10)', rows);
  } finally {
    await rig.close();
  }
});
