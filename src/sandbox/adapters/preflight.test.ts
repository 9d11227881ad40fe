import { describe, expect, it } from 'vitest';
import { machineFacts } from './preflight.ts';

describe('machine facts', () => {
  it('reads this machine', () => {
    const facts = machineFacts('/no/such/folder');
    expect(facts).toMatchObject({ platform: process.platform, directory: 'empty' });
    expect(facts.availableMb).toBeGreaterThan(0);
    expect(machineFacts(import.meta.dirname).directory).toBe('foreign');
  });
});
