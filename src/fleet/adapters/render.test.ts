import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TwError } from '../../kernel/index.ts';
import { createRenderer, parseManifests } from './render.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tw-render-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(dir, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}
async function failure(work: Promise<unknown>): Promise<TwError> {
  const e = await work.then(
    () => undefined,
    (x: unknown) => x,
  );
  if (e instanceof TwError) return e;
  throw new Error(`expected a fault, got ${String(e)}`);
}

const CM = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n';

describe('YAML', () => {
  test('many documents, comments, lists, lines', () => {
    const text = `# first\n${CM}---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}}\n`;
    const found = parseManifests(text, 'f.yaml');
    expect(found.map((r) => [r.body.kind, r.body.metadata.name, r.origin.line])).toEqual([
      ['ConfigMap', 'a', 2],
      ['Secret', 's', 8],
    ]);
  });

  test('numbers and words as Kubernetes reads them', () => {
    const [o] = parseManifests(`${CM}mode: 0644\non: yes\ntime: 1:30\nday: 2024-01-02\nport: "80"\n`, 'f.yaml');
    expect(o?.body).toMatchObject({ mode: 420, time: '1:30', day: '2024-01-02', port: '80' });
  });

  test.each([
    ['broken', 'apiVersion: v1\nkind: ConfigMap\n  metadata: {\n', 'TW3001', /yaml:\d/],
    ['misspelt kind', 'apiVersion: v1\nkinds: ConfigMap\nmetadata: {name: a}\n', 'TW3001', /did you mean "kind"/],
    ['no name', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n', 'TW3001', /metadata.name is missing/],
    ['not a mapping', '- a\n- b\n', 'TW3001', /mapping/],
  ])('%s', async (name, text, code, say) => {
    const e = await failure(createRenderer().render('app', [file(`bad-${name.replaceAll(' ', '-')}.yaml`, text)]));
    expect(e.code).toBe(code);
    expect(e.problem.where[0]?.line).toBeGreaterThan(0);
    expect(`${e.problem.value ?? ''} ${e.problem.why.join(' ')}`).toMatch(say);
  });

  test('a missing path is TW3002; a folder is read in the order of names', async () => {
    expect((await failure(createRenderer().render('app', [join(dir, 'nothing')]))).code).toBe('TW3002');
    file('folder/b.yaml', CM.replace('name: a', 'name: b'));
    file('folder/a.yaml', CM);
    file('folder/readme.md', 'no manifest');
    const r = await createRenderer().render('app', [join(dir, 'folder')]);
    expect(r.objects.map((o) => o.body.metadata.name)).toEqual(['a', 'b']);
    expect(r.inputHash).toMatch(/^sha256:/);
  });
});

describe('kustomize', () => {
  test('a program on PATH that this person may not run is looked for elsewhere', async () => {
    file('locked/kustomize', 'not a program');
    file('folder/kustomization.yaml', 'resources: [cm.yaml]\n');
    const at = file('folder/cm.yaml', CM);
    const before = process.env['PATH'];
    process.env['PATH'] = `${join(dir, 'locked')}:${before}`;
    try {
      const r = await createRenderer().render('app', [join(at, '..')]);
      expect(r.objects.map((o) => o.body.metadata.name)).toEqual(['a']);
    } finally {
      process.env['PATH'] = before;
    }
  });

  test('a folder with a kustomization goes through the real binary', async () => {
    file('k/kustomization.yaml', 'namePrefix: pre-\nresources: [web.yaml]\nimages: [{name: web, newTag: v9}]\n');
    file(
      'k/web.yaml',
      'apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: {containers: [{name: c, image: "web:v1"}]}\n',
    );
    file('k/not-listed.yaml', CM);
    const r = await createRenderer().render('app', [join(dir, 'k')]);
    expect(r.tool).toMatch(/^kustomize v\d/);
    expect(r.objects).toHaveLength(1);
    expect(r.objects[0]?.body).toMatchObject({
      metadata: { name: 'pre-w' },
      spec: { containers: [{ image: 'web:v9' }] },
    });
  });

  test('its error is told, with the tail of what it said', async () => {
    file('kbad/kustomization.yaml', 'resources: [nothing.yaml]\n');
    const e = await failure(createRenderer().render('app', [join(dir, 'kbad')]));
    expect(e.code).toBe('TW3002');
    expect(e.problem.why.join()).toContain('nothing.yaml');
  });

  test('without a binary it says which is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = dir;
    try {
      const e = await failure(createRenderer().render('app', [join(dir, 'k')]));
      expect(e.problem.why.join()).toContain('PATH');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
