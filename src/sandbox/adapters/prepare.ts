import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { madeOnce } from '../../kernel/index.ts';
import type { Recipe, SandboxSpec } from '../model.ts';
import { type Layout, layout } from '../plan/layout.ts';
import { writeJson } from './files.ts';

function secretOf(l: Layout): string {
  return madeOnce(`${l.dir}/secret`, () => randomBytes(24).toString('base64url')).trim();
}

/** Host files by their real names: the build's folder holds links, and a container sees no way along them. */
function resolved(r: Recipe): Recipe {
  return { ...r, files: r.files.map((f) => (existsSync(f.host) ? { ...f, host: realpathSync(f.host) } : f)) };
}

/** Makes the directory ours and gives the sandbox its id, which survives restarts. Returns the id. */
export function claim(dir: string): string {
  const l = layout(dir);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(l.marker, 'A Tradewind sandbox. "tw sandbox down" deletes this directory.\n', { mode: 0o600 });
  return madeOnce(l.id, () => `tw-${randomBytes(6).toString('hex')}`).trim();
}

/** What tw-net builds. */
function netFile(spec: SandboxSpec, o: { id: string; rootless: boolean; secret: string }) {
  return {
    id: o.id,
    rootless: o.rootless,
    seed: spec.seed,
    regions: spec.regions.map(({ name, index }) => ({ name, index })),
    users: spec.users,
    operator: spec.operator,
    clouds: spec.clouds,
    links: spec.links,
    doors: { connectSecret: o.secret },
  };
}

/** What the clouds' process serves, and where (sandbox.md section 3). */
function cloudsFile(spec: SandboxSpec, id: string) {
  const l = layout(spec.dir);
  return {
    id,
    seed: spec.seed,
    cloudTime: spec.cloudTime,
    socket: l.cloudsSocket,
    listen: { aws: '198.19.0.10:80', azure: '198.19.0.11:80', google: '198.19.0.12:80', dns: '198.19.0.53:53' },
    supervisorSocket: l.supervisorSocket,
    regions: Object.fromEntries(spec.regions.map((r) => [r.name, r.index])),
    accounts: spec.accounts,
    clusters: spec.clusters.map(({ name, cloud, region }) => ({ name, cloud, region })),
    schemaDir: `${spec.root}/terraform/schema`,
  };
}

/** Writes everything the processes read at their start. */
export function writeDirectory(spec: SandboxSpec, o: { id: string; rootless: boolean }): void {
  const l = layout(spec.dir);
  for (const d of [l.run, l.ns, l.cloudsRun, l.log, l.home, l.tmp, l.clusters, l.roots, l.locks])
    mkdirSync(d, { recursive: true, mode: 0o700 });
  writeJson(l.spec, spec);
  writeJson(l.net, netFile(spec, { ...o, secret: secretOf(l) }));
  writeJson(l.clouds, cloudsFile(spec, o.id));
  writeJson(l.recipes, { images: spec.recipes.map(resolved), registries: spec.registries });
}

/** The secret of the CONNECT door. */
export const connectSecret = (dir: string): string => secretOf(layout(dir));
