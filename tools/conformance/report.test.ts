import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imageRecipes } from './build.ts';
import { readKnown, readReport, render } from './report.ts';

const FOCUS = /\[Conformance\]|NodeConformance/;
const SKIP = /\[Serial\]|\[Slow\]/;

const one = (name: string, status: string, inner = ''): string =>
  `<testcase name="[It] ${name} [sig-x, Conformance]" classname="Kubernetes e2e suite" status="${status}" time="1.5"` +
  (inner === '' ? '></testcase>' : `>${inner}</testcase>`);
const xml = [
  one('[sig-node] Pods should &#34;run&#34; &lt;a&gt; &amp; b [Conformance]', 'passed'),
  one('[sig-node] Pods should break [Conformance]', 'failed', '<failure message="no"></failure>'),
  one('[sig-node] Pods should panic [Conformance]', 'panicked'),
  one('[sig-node] Taints [Serial] [Conformance]', 'skipped', '<skipped message="skipped"></skipped>'),
  one('[sig-apps] Job needs more [Conformance]', 'skipped', '<skipped message="skipped - needs 3 nodes"></skipped>'),
  one('[sig-apps] Job not begun [Conformance]', 'skipped', '<skipped message="skipped"></skipped>'),
  one('[sig-apps] Job cut short [Conformance]', 'timedout'),
  one('[sig-apps] Job not chosen', 'skipped', '<skipped message="skipped"></skipped>'),
  '<testcase name="[It] [sig-node] Sysctls [sig-node, NodeConformance]" status="skipped" time="0"></testcase>',
  '<testcase name="[SynchronizedBeforeSuite]" classname="x" status="passed" time="1"></testcase>',
].join('\n');

describe('report of the suite', () => {
  const specs = readReport(xml, FOCUS, SKIP);

  it('takes the chosen specs, each with what became of it', () => {
    expect(specs.map((s) => [s.sig, s.result])).toEqual([
      ['node', 'passed'],
      ['node', 'failed'],
      ['node', 'failed'],
      ['node', 'skipped'],
      ['apps', 'skipped'],
      ['apps', 'missed'],
      ['apps', 'missed'],
    ]);
    expect(specs[0]).toMatchObject({ name: '[sig-node] Pods should "run" <a> & b [Conformance]', seconds: 1.5 });
  });

  it('counts by SIG and tells explained failures from others', () => {
    const { text, unexplained, passed } = render(specs, [
      { match: 'Pods should break', why: 'no cgroups' },
      { match: 'Pods should "run"', why: 'was hard' },
    ]);
    expect({ unexplained, passed }).toEqual({ unexplained: 1, passed: 1 });
    expect(text).toMatch(/^apps +0 +0 +1 +2$/m);
    expect(text).toMatch(/^node +1 +2 +1 +0$/m);
    expect(text).toContain('should break [Conformance]\n        no cgroups');
    expect(text).toContain('should panic [Conformance]\n        NOT EXPLAINED');
    expect(text).toContain('passed, though known.yaml says it cannot: [sig-node] Pods should "run"');
    expect(text).toContain('1 passed, 2 failed (1 not explained), 2 not reached');
  });
});

describe('data of the suite', () => {
  const root = join(import.meta.dirname, '..', '..');

  it('every known failure has a name to match and a reason', () => {
    for (const k of readKnown(join(root, 'test/conformance/known.yaml'))) {
      expect(k.match.length, k.match).toBeGreaterThan(10);
      expect(k.why.length, k.match).toBeGreaterThan(10);
    }
  });

  it('an entry without a reason is refused', () => {
    const dir = mkdtempSync(join(tmpdir(), 'tw-known-'));
    writeFileSync(join(dir, 'known.yaml'), 'known:\n  - match: something\n');
    expect(() => readKnown(join(dir, 'known.yaml'))).toThrow('needs match and why');
    rmSync(dir, { recursive: true });
  });

  it('images become recipes: every placeholder filled, what each image is left out', () => {
    const file = join(root, 'sandbox/conformance/images.json');
    const names = ['agnhost', 'userland', 'nnp', 'bash', 'kubernetes', 'etcd', 'sample-apiserver'];
    const { images } = imageRecipes(file, Object.fromEntries(names.map((n) => [n, `/built/${n}`])));
    const text = JSON.stringify(images);
    expect(text).not.toMatch(/\{[a-z-]+\}|"is":/);
    expect(text).toContain('/built/kubernetes/test/images/agnhost/porter/localhost.crt');
    for (const i of (JSON.parse(readFileSync(file, 'utf8')) as { images: { is: string }[] }).images)
      expect(i.is.length).toBeGreaterThan(10);
  });
});
