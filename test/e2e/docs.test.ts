import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually, Rig, ROOT } from './rig.ts';

/** What README and tutorial tell people to type is typed here, in their order, without any help of the test. */
const rig = new Rig({ TW_CONFIG: '' });
afterAll(() => rig.end());

function commands(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap((m) =>
    (m[1] ?? '')
      .split('\n')
      .map((l) => l.replace(/\s+#.*$/, '').trim())
      .filter((l) => l !== ''),
  );
}

const tutorial = commands('docs/tutorial.md');
/** `make demo` without its building of binaries, which `make test` has done before. */
const typed = (line: string): string => (line === 'make demo' ? 'sh tools/demo.sh' : line);

/** Where `make demo` left the dashboard. */
let dashboard = '';

describe('tutorial', () => {
  it.each(tutorial)('%s', async (line) => {
    const ran = await rig.run('sh', ['-c', typed(line)]);
    // Users who come in the seconds after a cluster died may meet it: that is told as a partial answer.
    const allowed = line.includes('visit') ? [0, 9] : line.includes('v3-broken') ? [5] : [0];
    expect(allowed, `${line}\n${ran.stdout}\n${ran.stderr}`).toContain(ran.code);
    if (line === 'make demo') {
      for (const place of ['sao', 'mtl', 'syd'])
        expect(ran.stdout).toMatch(new RegExp(`^  ${place}  http://127\\.0\\.0\\.1:\\d+/`, 'm'));
      dashboard = /^  (http:\/\/127\.0\.0\.1:\d+)\/#code=/m.exec(ran.stdout)?.[1] ?? '';
      expect((await fetch(`${dashboard}/`)).status, ran.stdout).toBe(200);
      expect((await rig.json('status')).data).toMatchObject({ dashboard });
    }
  });
});

it('the dashboard of the demo ended with the sandbox', async () => {
  await eventually(20_000, () => expect(fetch(dashboard)).rejects.toThrow('fetch failed'));
});

it('the README asks for nothing that the tutorial does not try', () => {
  const known = new Set([...tutorial, 'make demo', 'make test']);
  expect(commands('README.md').filter((line) => !known.has(line))).toEqual([]);
});
