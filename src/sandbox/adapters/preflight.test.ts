import { watch } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { machineFacts } from './preflight.ts';

describe('machine facts', () => {
  it('counts the inotify instances of this user', () => {
    const before = machineFacts('/no/such/folder').inotify;
    const watcher = watch(import.meta.dirname);
    const after = machineFacts('/no/such/folder').inotify;
    watcher.close();
    expect(before.limit).toBeGreaterThan(0);
    expect(after.used).toBeGreaterThan(0);
  });
  it('reads this machine', () => {
    const facts = machineFacts('/no/such/folder');
    expect(facts).toMatchObject({ platform: process.platform, directory: 'empty' });
    expect(facts.availableMb).toBeGreaterThan(0);
    expect(machineFacts(import.meta.dirname).directory).toBe('foreign');
  });
});
