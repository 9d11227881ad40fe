import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../commands/index.ts';
import { CATALOGUE } from '../kernel/index.ts';
import { CHAOS_KINDS } from '../sandbox/plan/chaos.ts';
import { completions, type Names } from './complete.ts';
import { helpOf } from './index.ts';

const NAMES: Names = {
  fleet: 'shop',
  clusters: [
    { name: 'eu', cloud: 'aws', region: 'eu-west-1' },
    { name: 'us', cloud: 'gcp', region: 'us-east4' },
  ],
  apps: ['shop', 'blog'],
  hosts: ['shop.example'],
};
const values = async (...words: string[]): Promise<string[]> =>
  (await completions(COMMANDS, words, async () => NAMES)).map((c) => c.value);
/** Flags in the first column of the help. */
const flags = (verb: string): string[] =>
  [...helpOf(verb).matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map((m) => m[1] ?? '');

describe('completion over the command table', () => {
  it('every verb is offered word by word, with its summary, and asks for no names', async () => {
    for (const spec of COMMANDS) {
      const words = spec.verb.split(' ');
      for (const [i, word] of words.entries()) {
        const found = await completions(COMMANDS, [...words.slice(0, i), word.slice(0, 1)], () =>
          Promise.reject(new Error('names were asked for')),
        );
        const at = found.find((c) => c.value === word);
        expect(at, spec.verb).toBeDefined();
        if (i === words.length - 1) expect(at?.help).toBe(spec.summary);
      }
    }
    expect(await values('kube-cred')).toEqual([]);
    expect(await values('no', 'such', '')).toEqual([]);
  });

  it('the flags of every verb are those of its help', async () => {
    for (const spec of COMMANDS) {
      expect((await values(...spec.verb.split(' '), '--')).toSorted(), spec.verb).toEqual(flags(spec.verb).toSorted());
    }
  });

  it('a flag given once is not offered again, one that may be repeated is', async () => {
    const left = await values('up', '--yes', '--on', 'eu', '--');
    expect(left).toContain('--on');
    expect(left).not.toContain('--yes');
  });

  it('live names stand where the table says so', async () => {
    expect(await values('drain', '')).toEqual(['eu', 'us']);
    expect(await values('drain', '--because', 'x', 'e')).toEqual(['eu']);
    expect(await values('drain', 'eu', '')).toEqual([]);
    expect(await values('logs', 'b')).toEqual(['blog']);
    expect(await values('up', '--on', '')).toEqual([
      'eu',
      'us',
      'cloud:aws',
      'cloud:gcp',
      'region:eu-west-1',
      'region:us-east4',
    ]);
    expect(await values('up', '--on=cloud:g')).toEqual(['--on=cloud:gcp']);
    expect(await values('down', '--confirm=')).toEqual(['--confirm=shop']);
    expect(await values('status', '-o', '')).toEqual(['table', 'json', 'yaml']);
    expect(await values('sandbox', 'visit', '--from', 'u')).toEqual(['us']);
    expect(await values('exec', 'shop', '--on', 'eu', '--', '')).toEqual([]);
  });

  it('codes and chaos are complete', async () => {
    expect(await values('explain', 'TW')).toEqual(Object.keys(CATALOGUE));
    expect((await values('sandbox', 'chaos', '')).toSorted()).toEqual([...CHAOS_KINDS, 'heal'].toSorted());
    expect(await values('sandbox', 'chaos', 'kill', 'cluster:')).toEqual(['cluster:eu', 'cluster:us']);
  });
});
