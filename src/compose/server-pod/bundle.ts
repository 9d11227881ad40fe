import { dictOf, type KubeObject } from '../../fleet/index.ts';
import { digest, type Json } from '../../kernel/index.ts';

/** The config file of the pod's project. */
export const CONFIG = 'tradewind.config.json';

/** Text by path; the config last, so that whoever sees it sees what it names. */
export type ProjectFiles = Readonly<Record<string, string>>;

/** Where the config names files of this machine. */
function* filesNamed(v: unknown, path: string): Generator<string> {
  if (typeof v !== 'object' || v === null) return;
  const inside = Object.entries(v);
  if (inside.length === 1 && 'file' in v && typeof v.file === 'string') yield path;
  else for (const [k, one] of inside) yield* filesNamed(one, path === '' ? k : `${path}.${k}`);
}

/** What of a config works on this machine alone; paths of the config, each with the reason. */
export function staysHere(input: unknown): { path: string; why: string }[] {
  const { sandbox: _, ...config } = dictOf(input);
  const files = [...filesNamed(config, '')];
  const kept = Object.entries(dictOf(config['clusters'])).filter(([, c]) => dictOf(c)['cloud'] === 'existing');
  const profile = dictOf(dictOf(config['accounts'])['aws'])['profile'];
  return [
    ...files.map((path) => ({ path, why: 'a file of this machine' })),
    ...kept.map(([name]) => ({ path: `clusters.${name}`, why: 'reached through a kubeconfig of this machine' })),
    ...(profile === undefined ? [] : [{ path: 'accounts.aws.profile', why: 'a profile of this machine' }]),
  ];
}

/** JSON is YAML, and no word of it is taken for anything else. */
const documents = (objects: readonly KubeObject[]): string =>
  objects.map((o) => `---\n${JSON.stringify(o)}\n`).join('');

/**
 * The project as the pod needs it: the config as data, each app as it was rendered here, and terraform's lock files. What
 * is for this machine alone is left out.
 */
export function projectFiles(x: {
  input: Json;
  rendered: Readonly<Record<string, readonly KubeObject[]>>;
  locks: Readonly<Record<string, string>>;
}): ProjectFiles {
  const { sandbox: _, infra, ...config } = dictOf(x.input);
  const { binary: __, ...rest } = dictOf(infra);
  const apps = Object.entries(dictOf(config['apps'])).map(([name, app]) => [
    name,
    { ...dictOf(app), manifests: [`apps/${name}.yaml`] },
  ]);
  const whole = { ...config, infra: rest, apps: Object.fromEntries(apps) };
  return {
    ...Object.fromEntries(Object.entries(x.rendered).map(([name, o]) => [`apps/${name}.yaml`, documents(o)])),
    ...Object.fromEntries(Object.entries(x.locks).map(([name, text]) => [`infra.lock/${name}`, text])),
    [CONFIG]: `${JSON.stringify(whole, null, 2)}\n`,
  };
}

/** Names a project by its packed bytes (base64). */
export const projectId = (packed: string): string => digest(packed).slice('sha256:'.length, 'sha256:'.length + 12);
