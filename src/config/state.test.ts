import { describe, expect, it } from 'vitest';
import { stateSchema } from './schema-state.ts';

const faults = (input: unknown): string[] =>
  (stateSchema.safeParse(input).error?.issues ?? []).map((i) => `${i.path.join('.')}: ${i.message}`);

describe('state', () => {
  it('is isolated unless said otherwise, and then has nothing to set', () => {
    expect(stateSchema.parse(undefined)).toEqual({ mode: 'isolated' });
    expect(faults({ ack: 'quorum', hold: '5s' })).toEqual([
      'ack: means nothing with mode isolated',
      'hold: means nothing with mode isolated',
    ]);
  });

  it('shared state has defaults, durations in milliseconds', () => {
    expect(stateSchema.parse({ mode: 'single-writer', hold: '5s' })).toEqual({
      mode: 'single-writer',
      engine: 'redis',
      ack: 'quorum',
      home: 'auto',
      read: 'local',
      persist: true,
      memory: '256Mi',
      services: { write: 'redis-master', read: 'redis-slave' },
      hold: 5000,
    });
    expect(stateSchema.parse({ mode: 'single-writer', backup: { every: '1h', to: 'file:b' } })).toMatchObject({
      backup: { every: 3_600_000, to: 'file:b', keep: 30 },
    });
  });

  it('snapshots go to places that are known, and not all the time', () => {
    expect(faults({ mode: 'single-writer', backup: { every: '5s', to: 'ftp://b' } })).toEqual([
      'backup.every: at least 1m',
      'backup.to: a folder such as file:backups or file:/var/backups, or a bucket such as s3://backups/fleet',
    ]);
  });

  it('a confirmation or a read that this version does not have is refused, not passed over', () => {
    expect(faults({ mode: 'single-writer', ack: 'local' })).toEqual([
      'ack: local is not known to this version with mode single-writer, whose writes wait for another cloud: say quorum, or leave it out',
    ]);
    for (const mode of ['single-writer', 'active-active'])
      expect(faults({ mode, read: 'primary' })).toEqual([
        'read: primary is not known to this version: leave it out, and read what must be new through services.write',
      ]);
    expect(faults({ mode: 'single-writer', read: 'none' })[0]).toContain('read: ');
    expect(faults({ mode: 'single-writer', ack: 'quorum', read: 'local' })).toEqual([]);
    expect(faults({ mode: 'active-active', ack: 'local' })).toEqual([]);
  });

  it('active-active has no home; unknown modes and keys are faults', () => {
    expect(faults({ mode: 'active-active', home: 'ca' })).toEqual(['home: means nothing with mode active-active']);
    expect(faults({ mode: 'shared' })[0]).toContain('mode: ');
    expect(faults({ mode: 'single-writer', acks: 'quorum' })[0]).toContain('acks');
  });
});
