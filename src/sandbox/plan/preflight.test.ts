import { describe, expect, it } from 'vitest';
import { type MachineFacts, preflightFault } from './preflight.ts';

const good: MachineFacts = {
  platform: 'linux',
  root: true,
  capabilities: (1n << 21n) | (1n << 12n),
  userNamespaces: true,
  tools: { nft: '/usr/sbin/nft', ip: '/usr/sbin/ip', 'redis-server': '/usr/bin/redis-server' },
  searched: ['/usr/bin'],
  availableMb: 4000,
  inotify: { limit: 128, used: 10 },
  running: 0,
  directory: 'empty',
};
const wish = { dir: '/p/.tradewind/sandbox', clusters: ['a', 'b', 'c'], users: ['a', 'b', 'c'], ignoreMemory: false };
const refusal = (facts: Partial<MachineFacts>, more: Partial<typeof wish> = {}) =>
  preflightFault({ ...good, ...facts }, { ...wish, ...more })?.problem;

describe('preflight', () => {
  it('lets a fit machine pass', () => {
    expect(refusal({})).toBeUndefined();
    expect(refusal({ root: false, capabilities: 0n })).toBeUndefined();
    expect(refusal({ directory: 'ours' })).toBeUndefined();
  });
  it('says the first thing that forbids a start, with a way out', () => {
    const cases: [Partial<MachineFacts>, Partial<typeof wish>, string, RegExp][] = [
      [{ platform: 'darwin' }, {}, 'TW9001', /darwin/],
      [{ capabilities: 2n ** 21n }, {}, 'TW9001', /CAP_NET_ADMIN/],
      [{ root: false, userNamespaces: false, userNamespacesWhy: 'forbidden here' }, {}, 'TW9001', /no user namespaces/],
      [{ tools: { ip: '/usr/sbin/ip' } }, {}, 'TW9002', /^nft, redis-server$/],
      [{}, { dir: `/${'x'.repeat(100)}` }, 'TW9005', /kubelet\.sock$/],
      [{ directory: 'foreign' as const }, {}, 'TW9005', /sandbox$/],
      [{ inotify: { limit: 128, used: 60 } }, {}, 'TW9009', /^68 of 128 free, 88 needed$/],
      [{ availableMb: 1500 }, {}, 'TW9007', /1500 MB free, 1900 MB needed/],
    ];
    for (const [facts, more, code, value] of cases) {
      const p = refusal(facts, more);
      expect(p?.code).toBe(code);
      expect(p?.value).toMatch(value);
      expect(p?.fix.length).toBeGreaterThan(0);
    }
  });
  it('can be told to ignore memory', () => {
    expect(refusal({ availableMb: 100 }, { ignoreMemory: true })).toBeUndefined();
  });
  it('names the limit of inotify that suffices', () => {
    const fix = (limit: number, used: number): string | undefined =>
      refusal({ inotify: { limit, used } })?.fix[0]?.command;
    expect(fix(128, 60)).toBe('sudo sysctl -w fs.inotify.max_user_instances=512');
    expect(fix(512, 500)).toBe('sudo sysctl -w fs.inotify.max_user_instances=1024');
    expect(fix(128, 40)).toBeUndefined();
  });
  it('asks for what a running sandbox lacks, not for what it holds already', () => {
    expect(refusal({ availableMb: 500, running: 2 })).toBeUndefined();
    expect(refusal({ availableMb: 499, running: 2 })?.value).toBe('499 MB free, 500 MB needed');
  });
});
