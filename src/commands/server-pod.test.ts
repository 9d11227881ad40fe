import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fault, systemClock } from '../kernel/index.ts';
import type { Context, Io } from './context.ts';
import { addressIn, clusterOf, handedTo, markHanded, unmarkHanded } from './handed.ts';
import type { ServerPodDoor } from './ports.ts';
import { serve } from './serve.ts';
import { notBelowMe, serverInstall, serverRemove } from './server-pod.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'tw-handed-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const io = (answer = ''): Io => ({
  show: () => undefined,
  machine: true,
  out: () => undefined,
  ask: async () => answer,
  signal: new AbortController().signal,
  detach: new AbortController().signal,
});
const door = (more: Partial<ServerPodDoor> = {}): ServerPodDoor => ({
  cluster: 'eu',
  install: async function* () {
    yield { step: 'pod', state: 'start' };
    yield { step: 'pod', state: 'done' };
  },
  remove: async function* () {
    yield { step: 'files', state: 'done' };
  },
  drop: async () => undefined,
  link: async () => 'cluster:eu/#code=x',
  ...more,
});
const context = (pod: ServerPodDoor): Context =>
  ({
    ...{ cwd: '/', stateDir, clock: systemClock, config: async () => ({ fleet: 'shop' }) },
    pod: async () => pod,
    remote: async () => ({
      address: () => 'cluster:eu',
      login: async (w: { address: string }) => ({ origin: w.address, name: 'ana', role: 'admin', file: 'f' }),
    }),
    server: async () => expect.fail('it serves'),
  }) as unknown as Context;
const handed = () => markHanded(stateDir, { address: addressIn('eu'), place: 'real', at: 0 });

describe('who decides for a folder', () => {
  it('is kept until it is taken back, in the place it was for', () => {
    expect(handedTo(stateDir)).toBeUndefined();
    handed();
    expect([handedTo(stateDir), clusterOf('cluster:eu'), clusterOf('https://eu')]).toEqual([
      'cluster:eu',
      'eu',
      undefined,
    ]);
    unmarkHanded(stateDir, 'sandbox');
    expect(handedTo(stateDir)).toBe('cluster:eu');
    unmarkHanded(stateDir);
    expect(handedTo(stateDir)).toBeUndefined();
  });

  it('a folder that handed its files over does not serve', async () => {
    handed();
    await expect(serve(context(door()), { port: 0, host: '127.0.0.1' }, io())).rejects.toThrow(/TW8017.*cluster:eu/);
  });

  it('the server does not destroy the cluster below itself', () => {
    const c = { ...context(door()), standsAt: 'cluster:eu' };
    expect(() => notBelowMe(c, ['us', 'eu'])).toThrow(/TW8045.*eu/);
    expect(() => notBelowMe(c, ['us'])).not.toThrow();
    expect(() => notBelowMe(context(door()), ['eu'])).not.toThrow();
  });
});

describe('tw server', () => {
  it('install signs this folder in, and leaves no lock when it fails', async () => {
    const { data } = await serverInstall(context(door()), {}, io());
    expect(data).toEqual({ cluster: 'eu', address: 'cluster:eu', name: 'ana', role: 'admin' });
    const broken = door({
      install: async function* () {
        yield { step: 'pod', state: 'start' };
        throw fault('TW8043', { value: 'server-0', why: ['ImagePullBackOff'] });
      },
    });
    await expect(serverInstall(context(broken), {}, io())).rejects.toThrow(/TW8043.*ImagePullBackOff/);
    await serverInstall(context(door()), {}, io());
  });

  it('remove --lost wants the name of the fleet, and says what may still be there', async () => {
    handed();
    const dead = context(door({ drop: () => Promise.reject(fault('TW8043', { why: ['no connection'] })) }));
    await expect(serverRemove(dead, { lost: true }, io('shoe'))).rejects.toThrow(/TW6005.*shoe/);
    expect(handedTo(stateDir)).toBe('cluster:eu');
    const done = await serverRemove(dead, { lost: true, confirm: 'shop' }, io());
    expect(done.warnings?.map((w) => w.code)).toEqual(['TW8043']);
    expect(handedTo(stateDir)).toBeUndefined();
  });
});
