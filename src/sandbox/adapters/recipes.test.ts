import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import { mountsBelow } from './down.ts';
import { readRecipes } from './recipes.ts';

describe('recipes file', () => {
  let dir = '';
  const made: string[] = [];
  afterEach(() => {
    for (const d of made.splice(0)) rmSync(d, { recursive: true, force: true });
  });
  const written = (text: string): string => {
    dir = mkdtempSync(join(tmpdir(), 'twr-'));
    made.push(dir);
    writeFileSync(join(dir, 'web'), '');
    writeFileSync(join(dir, 'recipes.yaml'), text);
    return join(dir, 'recipes.yaml');
  };
  const refused = (text: string): TwError['problem'] => {
    try {
      readRecipes(written(text));
    } catch (e) {
      if (e instanceof TwError) return e.problem;
    }
    throw new Error('accepted');
  };

  it('fills defaults and finds files beside it', () => {
    const { recipes, registries } = readRecipes(
      written(
        'images:\n  - name: registry.example/web\n    entrypoint: [/web]\n    files: [{host: web, at: /web}]\nregistries:\n  - {host: registry.example, username: u, password: p}\n',
      ),
    );
    expect(recipes).toEqual([
      {
        name: 'registry.example/web',
        entrypoint: ['/web'],
        cmd: [],
        env: [],
        cwd: '/',
        user: 0,
        private: false,
        files: [{ host: join(dir, 'web'), at: '/web', ro: true }],
      },
    ]);
    expect(registries).toEqual([{ host: 'registry.example', username: 'u', password: 'p' }]);
  });

  it('tells all faults at once', () => {
    const p = refused('images:\n  - {name: web:1, user: -1, env: [novalue], entrypont: [x]}\n');
    expect(p.code).toBe('TW9010');
    expect(p.why.map((w) => w.split(':')[0]).toSorted((a = '', b = '') => a.localeCompare(b))).toEqual([
      'images.0',
      'images.0.env.0',
      'images.0.name',
      'images.0.user',
    ]);
    expect(refused('images:\n  - {name: r.example/web, files: [{host: gone, at: /x}]}\n').why[0]).toMatch(
      /images\.0\.files\.0\.host: no file .*gone/,
    );
    expect(refused('images: [').code).toBe('TW9010');
    expect(() => readRecipes('/no/such/file')).toThrow(/TW9010/);
  });
});

describe('mounts below a directory', () => {
  it('are found deepest first, with their odd characters, and no neighbours', () => {
    const info = ['/d/sb', '/d/sb/a', '/d/sb/a\\040b/c', '/d/sbx', '/']
      .map((at, i) => `${i} 1 0:1 / ${at} rw - tmpfs tmpfs rw`)
      .join('\n');
    expect(mountsBelow('/d/sb', info)).toEqual(['/d/sb/a b/c', '/d/sb/a', '/d/sb']);
  });
});
