import { describe, expect, it } from 'vitest';
import type { ClusterView, Observations, ReleaseRecord, WorkloadState } from '../model.ts';
import { decide } from './decide.ts';

const RECORD: ReleaseRecord = {
  app: 'shop',
  release: 'r1',
  planId: 'p',
  green: 'v2',
  blue: { sao: 'v1' },
  members: ['sao'],
  lagging: [],
  terms: {
    waves: [{ clusters: ['sao'], soakMs: 1 }],
    prepareMs: 1000,
    require: 'all',
    skewMs: 1,
    onMissed: 'brake',
    keepBlueMs: 1,
    approve: [],
    quietMs: 1,
    quietMostMs: 1,
  },
  epoch: 1,
  decision: 'preparing',
  wave: -1,
  step: 'flip',
  since: 0,
  startedAt: 0,
  requests: [],
  by: 'ana',
};
const pods = (ready: number, wanted = ready): WorkloadState => ({
  exists: true,
  healthy: ready >= wanted,
  ready,
  wanted,
  fence: 3,
  restarts: 0,
  why: [],
});
const seen = (over: Partial<ClusterView> = {}): Observations => ({
  register: RECORD,
  clusters: {
    sao: {
      sw: { at: 0, value: { uid: 'u', fence: 1, epoch: 1, release: 'r1', vote: true, live: 'v1' } },
      green: { at: 0, value: pods(2) },
      blue: { at: 0, value: pods(2) },
      claimed: true,
      checked: true,
      verdict: { is: 'unknown', why: [] },
      gates: [],
      quiet: false,
      braked: false,
      mayBrake: [],
      ...over,
    },
  },
});
const gate = { code: 'TW7011', say: 'replication lag on sao 9 s, limit 5 s', cluster: 'sao' };

describe('before the commit', () => {
  it('commits with all votes and gates', () => {
    expect(decide(RECORD, seen(), 0).actions).toMatchObject([{ do: 'decide', next: { decision: 'committed' } }]);
  });

  it('TW7011: a gate holds the commit, and ends the release at the deadline', () => {
    const held = decide(RECORD, seen({ gates: [gate] }), 0);
    expect(held).toEqual({ actions: [{ do: 'wait', until: 1000 }], why: [gate] });
    const ended = decide(RECORD, seen({ gates: [gate] }), 1000);
    expect(ended.actions).toMatchObject([{ do: 'decide', next: { decision: 'rolledback', cause: gate } }]);
  });

  it('a gate that closes while a person is waited for ends nothing; from the word on it has the time again', () => {
    const held: ReleaseRecord = { ...RECORD, terms: { ...RECORD.terms, approve: ['commit'] } };
    const at = (now: number, gates: (typeof gate)[], register: ReleaseRecord = held): Observations => {
      const o = seen({ gates });
      const v = o.clusters['sao'] as ClusterView;
      const sw = { ...v.sw, at: now };
      return {
        ...o,
        register,
        clusters: { sao: { ...v, sw, green: { ...v.green, at: now }, blue: { ...v.blue, at: now } } },
      };
    };
    expect(decide(held, at(5000, [gate]), 5000)).toEqual({ actions: [{ do: 'wait' }], why: [gate] });
    const word = { kind: 'approve', by: 'ana', at: 5000, stage: 'commit' } as const;
    const approved = { ...held, requests: [word] };
    expect(decide(approved, at(5500, [gate], approved), 5500).actions).toEqual([{ do: 'wait', until: 6000 }]);
    expect(decide(approved, at(6000, [gate], approved), 6000).actions).toMatchObject([
      { do: 'decide', next: { decision: 'rolledback', cause: gate } },
    ]);
    expect(decide(approved, at(9000, [], approved), 9000).actions).toMatchObject([
      { do: 'decide', next: { decision: 'committed' } },
    ]);
  });

  it('TW7011: green that is smaller than what serves now is made larger, and is no commit', () => {
    const small = decide(RECORD, seen({ blue: { at: 0, value: pods(5) } }), 0);
    expect(small.actions).toEqual([{ do: 'makeGreen', cluster: 'sao', version: 'v2', fence: 3 }]);
    const why = 'capacity on sao: v2 has 2 ready pods, 5 of the old version serve now';
    expect(small.why).toEqual([{ code: 'TW7011', say: why, cluster: 'sao' }]);
    // Already asked for, not there yet.
    const growing = decide(RECORD, seen({ blue: { at: 0, value: pods(5) }, green: { at: 0, value: pods(2, 5) } }), 0);
    expect(growing.actions).toEqual([{ do: 'wait', until: 1000 }]);
  });

  it('blue that cannot be counted is no pass', () => {
    const unreachable = { code: 'TW7012', say: 'sao gave no answer', cluster: 'sao' };
    expect(decide(RECORD, seen({ blue: { at: 0, unreachable } }), 0)).toMatchObject({
      actions: [{ do: 'wait' }],
      why: [unreachable],
    });
  });
});
