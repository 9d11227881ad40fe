import type { Recipe } from '../model.ts';
import { layout } from './layout.ts';

export interface RecipePaths {
  /** Folder with the Go binaries. */
  bins: string;
  /** Root of the product: src, node_modules, package.json. */
  root: string;
  /** Folder that holds `bin/node`. */
  node: string;
  /** The sandbox's own directory. */
  dir: string;
}

const recipe = (name: string, rest: Partial<Recipe>): Recipe => ({
  name,
  entrypoint: [],
  cmd: [],
  env: [],
  cwd: '/',
  user: 0,
  private: false,
  files: [],
  ...rest,
});
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const shell = (name: string): Recipe => recipe(name, { cmd: ['/bin/sh'], env: [PATH] });

/**
 * The guestbook's versions, one program: each tag is what the image's VARIANT makes of it. v3-broken fails some
 * requests ten seconds after its first user, v4 never becomes ready in the cluster mtl. No other tag exists.
 */
const GUESTBOOKS: Readonly<Record<string, readonly string[]>> = {
  v1: [],
  v2: ['VARIANT=amber'],
  'v3-broken': ['VARIANT=broken'],
  v4: ['VARIANT=stuck', 'VARIANT_CLUSTER=mtl'],
};
const guestbooks = (bins: string): Recipe[] =>
  Object.entries(GUESTBOOKS).map(([tag, variant]) =>
    recipe('registry.tradewind.example/guestbook', {
      tags: [tag],
      entrypoint: ['/app/guestbook'],
      env: [PATH, 'APP_VERSION={tag}', ...variant],
      private: true,
      files: [{ host: `${bins}/guestbook`, at: '/app/guestbook', ro: true }],
    }),
  );

const productOf = (p: RecipePaths, files: readonly string[]): Recipe['files'] =>
  files.map((f) => ({ host: `${p.root}/${f}`, at: `/opt/tradewind/${f}`, ro: true }));

/** Small, for what serves users; the server's own has terraform, the dashboard, and a way to the simulated clouds. */
function productImages(p: RecipePaths): Recipe[] {
  const l = layout(p.dir);
  const image = {
    entrypoint: ['/opt/node/bin/node', '/opt/tradewind/src/compose.ts'],
    env: [PATH, 'NODE_ENV=production'],
    cwd: '/opt/tradewind',
  };
  const small = [{ host: p.node, at: '/opt/node', ro: true }, ...productOf(p, ['src', 'node_modules', 'package.json'])];
  // Under the same paths as outside: terraform's settings name them.
  const clouds = [l.mirror, l.terraformrc, l.cloudsRun].map((f) => ({ host: f, at: f, ro: true }));
  return [
    recipe('registry.tradewind.example/tradewind', { ...image, files: small }),
    recipe('registry.tradewind.example/tradewind-server', {
      ...image,
      files: [...small, ...productOf(p, ['terraform', 'web/dist']), ...clouds],
    }),
  ];
}

/** Images every sandbox knows. */
export function builtinRecipes(p: RecipePaths): Recipe[] {
  const coredns = { entrypoint: ['/coredns'], files: [{ host: `${p.bins}/tw-coredns`, at: '/coredns', ro: true }] };
  return [
    recipe('docker.io/library/redis', {
      entrypoint: ['/usr/bin/redis-server'],
      env: [PATH, 'REDIS_VERSION={tag}'],
      cwd: '/data',
    }),
    // The image's own entry point puts the program's name before flags.
    recipe('docker.io/library/traefik', {
      entrypoint: ['/usr/local/bin/traefik'],
      env: [PATH],
      files: [{ host: `${p.bins}/tw-traefik`, at: '/usr/local/bin/traefik', ro: true }],
    }),
    recipe('gcr.io/etcd-development/etcd', {
      env: [PATH],
      files: [{ host: `${p.bins}/tw-etcd`, at: '/usr/local/bin/etcd', ro: true }],
    }),
    ...guestbooks(p.bins),
    ...productImages(p),
    shell('docker.io/library/busybox'),
    shell('docker.io/library/debian'),
    recipe('registry.k8s.io/pause', { entrypoint: ['/usr/bin/sleep', 'infinity'] }),
    recipe('registry.k8s.io/coredns/coredns', coredns),
    recipe('docker.io/coredns/coredns', coredns),
  ];
}

/** The user's recipes win over built-in ones of the same name. */
export function mergeRecipes(builtin: readonly Recipe[], user: readonly Recipe[]): Recipe[] {
  const own = new Set(user.map((r) => r.name));
  return [...user, ...builtin.filter((r) => !own.has(r.name))];
}
