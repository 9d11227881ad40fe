import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { workflow } from '../commands/init-workflow.ts';

describe('action.yml', () => {
  const action = parse(readFileSync(resolve(import.meta.dirname, '..', '..', 'action.yml'), 'utf8')) as {
    inputs: Record<string, { default?: string }>;
    runs: { using: string; steps: { uses?: string; run?: string; env?: Record<string, string> }[] };
  };

  it('is composite, pinned, and puts nothing of an event into a script', () => {
    expect(action.runs.using).toBe('composite');
    for (const s of action.runs.steps) {
      if (s.uses !== undefined) expect(s.uses).toMatch(/@[0-9a-f]{40}$/);
      expect(s.run ?? '').not.toContain('${{');
      for (const v of Object.values(s.env ?? {})) expect(v).toMatch(/^\$\{\{ inputs\.\w+ \}\}$/);
    }
  });

  it('takes what the workflow of `tw init --ci github` gives, and asks for nothing else', () => {
    const wish = { fleet: 'shop', config: 'a', action: 'acme/tradewind@v1', slash: '/tw', served: false, clouds: {} };
    const { jobs } = parse(workflow(wish)) as { jobs: Record<string, { steps: { uses?: string; with?: object }[] }> };
    const given = Object.values(jobs).flatMap((x) =>
      x.steps.filter((s) => s.uses === wish.action).map((s) => s.with ?? {}),
    );
    expect(given).toHaveLength(3);
    const { inputs } = action;
    const needed = Object.keys(inputs).filter((k) => inputs[k]?.default === undefined);
    for (const w of given) {
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(w)));
      expect(Object.keys(w)).toEqual(expect.arrayContaining(needed));
    }
  });
});
