import { describe, expect, it } from 'vitest';
import { losesNothing, needsCopyOf, type OriginView, originStep, type PeerView, type Says } from './origin.ts';
import type { ActiveLook } from './ports.ts';
import { spare, trims } from './trim.ts';

const look = (more: Partial<ActiveLook> = {}): ActiveLook => ({
  run: 'r2',
  role: 'primary',
  link: false,
  loading: false,
  durable: true,
  vector: {},
  ...more,
});
const others = (...says: Says[]): OriginView['others'] => says.map((s, i) => ({ cluster: `c${i}`, says: s }));
const step = (l: ActiveLook, o: OriginView['others'] = [], filled = false, rewritten = true) =>
  originStep({ look: l, others: o, fresh: 'me.new', filled, rewritten });
const DATA = { 'me.old': '5-0' };

describe('origin rule', () => {
  it('a process that had opened goes on under its name, also without any data', () => {
    const me = { origin: 'me.old', run: 'r2' };
    expect(step(look({ me }), others('silent', 'silent'))).toEqual({ do: 'open', origin: 'me.old' });
    expect(step(look({ me, vector: DATA }))).toEqual({ do: 'open', origin: 'me.old' });
  });

  it('another process with data takes a new name and asks nobody', () => {
    const me = { origin: 'me.old', run: 'r1' };
    expect(step(look({ me, vector: DATA }), others('silent', 'silent'))).toEqual({ do: 'open', origin: 'me.new' });
  });

  it('what was loaded is written anew before anything comes behind it; what was filled is new already', () => {
    const me = { origin: 'me.old', run: 'r1' };
    const loaded = look({ me, vector: DATA });
    expect(step(loaded, [], false, false)).toEqual({ do: 'rewrite' });
    expect(step({ ...loaded, durable: false }, [], false, true)).toMatchObject({ do: 'wait', what: 'disk' });
    expect(step(loaded, [], true, false)).toMatchObject({ do: 'open' });
    expect(step(look(), others('empty'), false, false)).toMatchObject({ do: 'open' });
  });

  it('a process without data is filled by the nearest that is open, whatever the rest says', () => {
    const me = { origin: 'me.old', run: 'r1' };
    expect(step(look({ me }), others('silent', 'open', 'open'))).toEqual({ do: 'fill', from: 'c1' });
  });

  it('without data anywhere it begins; where somebody is silent or has data it waits and says for whom', () => {
    expect(step(look(), others('empty', 'empty'))).toEqual({ do: 'open', origin: 'me.new' });
    expect(step(look())).toEqual({ do: 'open', origin: 'me.new' });
    for (const s of ['silent', 'closed'] as const)
      expect(step(look(), others('empty', s))).toMatchObject({ do: 'wait', what: 'clusters', clusters: ['c1'] });
  });

  it('filled by one that has no data either, it opens', () => {
    expect(step(look(), others('open'), true)).toEqual({ do: 'open', origin: 'me.new' });
  });

  it('nothing opens under a new name before the disk has the data', () => {
    expect(step(look({ vector: DATA, durable: false }))).toMatchObject({ do: 'wait', what: 'disk' });
    expect(step(look({ durable: false }), others('open'), true)).toMatchObject({ do: 'wait', what: 'disk' });
  });

  it('one that loads is waited for; one that follows for an agent that is gone stops that first', () => {
    expect(step(look({ loading: true, vector: DATA }))).toMatchObject({ do: 'wait', what: 'redis' });
    expect(step(look({ role: 'replica', vector: DATA, link: true }))).toEqual({ do: 'detach' });
  });
});

describe('a full copy', () => {
  const peer = (cluster: string, vector: Record<string, string>, ...trimmed: string[]): PeerView => ({
    cluster,
    vector,
    trimmed: new Set(trimmed),
    beyond: false,
  });
  const here = { 'a.1': '5-0' };

  it('is needed once everybody who has more of an origin cannot give it', () => {
    const b = peer('b', { 'a.1': '5-0', 'b.1': '9-0' }, 'b.1');
    const c = peer('c', { 'a.1': '5-0', 'b.1': '8-0' });
    expect(needsCopyOf(here, [b, c])).toEqual([]);
    expect(needsCopyOf(here, [b])).toEqual([b]);
    expect(needsCopyOf(here, [b, peer('c', here)])).toEqual([b]);
    expect(needsCopyOf({ ...here, 'b.1': '9-0' }, [b])).toEqual([]);
  });

  it('is taken only of one that has all that is here', () => {
    expect(losesNothing(here, peer('b', { 'a.1': '5-0', 'b.1': '9-0' }))).toBe(true);
    expect(losesNothing(here, peer('b', { 'a.1': '4-9', 'b.1': '9-0' }))).toBe(false);
    expect(losesNothing(here, peer('b', { 'b.1': '9-0' }))).toBe(false);
  });
});

describe('short logs', () => {
  const view = { here: { 'a.1': '900-5', 'b.1': '700-0' }, now: 1000, keepMs: 100 };

  it('what everybody has goes, but not what is young', () => {
    const all = [view.here, view.here];
    expect(trims({ ...view, others: all })).toEqual([
      { origin: 'a.1', id: '900-0' },
      { origin: 'b.1', id: '700-0' },
    ]);
    expect(trims({ ...view, others: [view.here, { 'a.1': '300-2', 'b.1': '600-0' }] })).toEqual([
      { origin: 'a.1', id: '300-2' },
      { origin: 'b.1', id: '600-0' },
    ]);
  });

  it('a cluster that was never heard of has nothing', () => {
    expect(trims({ ...view, others: [view.here, {}] })).toEqual([]);
  });

  it('a log that is too long loses what one other has, and nothing that nobody else has', () => {
    expect(spare('a.1', { id: '800-0', others: [{ 'a.1': '850-0' }, {}] })).toBe('800-0');
    expect(spare('a.1', { id: '800-0', others: [{ 'a.1': '300-0' }, { 'a.1': '400-1' }] })).toBe('400-1');
    expect(spare('a.1', { id: '800-0', others: [{}, {}] })).toBe('0-0');
  });
});
