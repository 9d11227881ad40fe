import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Config, readConfigInput } from '../../config/index.ts';
import { createRenderer } from '../../fleet/adapters/render.ts';
import { fault, toJson } from '../../kernel/index.ts';
import { projectFiles, projectId, staysHere } from './bundle.ts';

/** What a Secret holds at most, with room for what stands around it. Bytes. */
const MOST = 1_000_000;

function locksIn(dir: string): Record<string, string> {
  try {
    const names = readdirSync(dir).filter((n) => n.endsWith('.lock.hcl'));
    return Object.fromEntries(names.map((n) => [n, readFileSync(join(dir, n), 'utf8')]));
  } catch {
    return {};
  }
}

/** The project as the pod gets it: base64 of a gzip, and its name. Throws TW1002, TW3001, TW3002, TW8042. */
export async function packProject(config: Config): Promise<{ packed: string; id: string }> {
  const input = await readConfigInput(config.file);
  const here = staysHere(input);
  if (here.length > 0)
    throw fault('TW8042', {
      value: here.map((h) => h.path).join(', '),
      where: here.map((h) => ({ file: config.file, path: h.path })),
      why: here.map((h) => `${h.path}: ${h.why}`),
      fix: [
        { say: 'Name secrets by `env`, and give the variables with `server.secret`; give `server.identity` rights.' },
      ],
    });
  const renderer = createRenderer();
  const apps = await Promise.all(
    config.apps.map(async (a) => {
      const { objects } = await renderer.render(a.name, a.manifests);
      return [a.name, objects.map((o) => o.body)] as const;
    }),
  );
  const locks = locksIn(join(config.dir, 'infra.lock'));
  const files = projectFiles({ input: toJson(input), rendered: Object.fromEntries(apps), locks });
  const bytes = gzipSync(JSON.stringify(files), { level: 9 });
  const packed = bytes.toString('base64');
  if (bytes.length > MOST)
    throw fault('TW8042', {
      value: `${bytes.length} bytes`,
      why: [`config and rendered manifests together are larger than a Secret holds (${MOST} bytes, compressed)`],
    });
  return { packed, id: projectId(packed) };
}
