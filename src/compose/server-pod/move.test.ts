import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, handedTo, markHanded } from '../../commands/index.ts';
import { type KubeApi, KubeError } from '../../fleet/index.ts';
import { systemClock } from '../../kernel/index.ts';
import { packFiles } from './files.ts';
import type { KeeperState } from './keeper.ts';
import { serverPodDoor } from './move.ts';

let dir: string;
let keeper: Server | undefined;
let is: KeeperState['is'];
const asked: string[] = [];
const at = (...names: string[]): string => join(dir, ...names);

/** A folder from which a fleet was built, at this serial of its state. */
function built(name: string, serial: number): { stateDir: string; rootsDir: string } {
  const f = { stateDir: at(name), rootsDir: at(name, 'roots') };
  mkdirSync(join(f.rootsDir, 'cluster-eu'), { recursive: true });
  writeFileSync(join(f.rootsDir, 'cluster-eu', 'terraform.tfstate'), String(serial));
  return f;
}
const serialHere = (): string => readFileSync(at('here', 'roots', 'cluster-eu', 'terraform.tfstate'), 'utf8');

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tw-move-'));
  asked.length = 0;
  is = 'serving';
  const pod = built('pod', 8);
  const answers: RequestListener = (req, res) => {
    asked.push(req.url ?? '');
    if (req.url === '/give') return void pipeline(packFiles(pod), res);
    if (req.url === '/given') is = 'given';
    const state: KeeperState = { is, fleet: 'shop', version: '0.1.0', ready: is === 'serving', project: null };
    res.end(JSON.stringify(state));
  };
  keeper = createServer(answers);
  await new Promise<void>((done) => keeper?.listen(0, '127.0.0.1', done));
});
afterEach(() => {
  keeper?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** `gone`: whether the namespace goes when it is removed. */
function doorOf(here: { stateDir: string; rootsDir: string }, gone: boolean) {
  const address = keeper?.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const api = {
    forward: () => connect(port, '127.0.0.1'),
    get: async () => {
      if (!gone) throw new KubeError(0, 'Unreachable', 'no connection');
      return undefined;
    },
  } as unknown as KubeApi;
  const engine = { config: { fleet: 'shop' }, place: { name: 'real', rootsDir: here.rootsDir } } as unknown as Engine;
  const { stateDir } = here;
  return serverPodDoor({ engine, known: {}, stateDir, clock: systemClock, cluster: 'eu', api: async () => api });
}
async function removed(here: { stateDir: string; rootsDir: string }, gone: boolean): Promise<void> {
  for await (const _ of doorOf(here, gone).remove(new AbortController().signal)) void _;
}

describe('the files of a server come home', () => {
  it('once: what is done at home before the pod is gone is not written over by what it still has', async () => {
    const here = built('here', 7);
    markHanded(here.stateDir, { address: 'cluster:eu', place: 'real', at: 0 });
    await expect(removed(here, false)).rejects.toThrow('no connection');
    expect([handedTo(here.stateDir), serialHere()]).toEqual([undefined, '8']);
    writeFileSync(at('here', 'roots', 'cluster-eu', 'terraform.tfstate'), '9');
    await removed(here, true);
    expect(serialHere()).toBe('9');
    expect(asked.filter((a) => a === '/give')).toHaveLength(1);
  });

  it('not into a folder that never handed its own over', async () => {
    const here = built('here', 7);
    await expect(removed(here, true)).rejects.toThrow(/TW8041/);
    expect([asked.includes('/give'), serialHere()]).toEqual([false, '7']);
  });

  it('again where the answer got lost: this folder is not in charge before they are here', async () => {
    const here = built('here', 7);
    markHanded(here.stateDir, { address: 'cluster:eu', place: 'real', at: 0 });
    is = 'given';
    await removed(here, true);
    expect([handedTo(here.stateDir), serialHere()]).toEqual([undefined, '8']);
  });
});
