import { watch } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { machineFacts } from './preflight.ts';

describe('machine facts', () => {
  it('counts the inotify instances of this user', () => {
    // The listing of this process names the descriptor it was read through, which is closed by then.
    const watcher = watch(import.meta.dirname);
    const seen = Array.from({ length: 5 }, () => machineFacts('/no/such/folder').inotify);
    watcher.close();
    for (const { limit, used } of seen) {
      expect(limit).toBeGreaterThan(0);
      expect(used).toBeGreaterThan(0);
    }
  });
  it('reads this machine', () => {
    const facts = machineFacts('/no/such/folder');
    expect(facts).toMatchObject({ platform: process.platform, directory: 'empty' });
    expect(facts.availableMb).toBeGreaterThan(0);
    expect(machineFacts(import.meta.dirname).directory).toBe('foreign');
  });
});
