import { digest } from '../../kernel/index.ts';

/** Paths of one sandbox directory. */
export function layout(dir: string) {
  const run = `${dir}/run`;
  return {
    dir,
    marker: `${dir}/.tradewind-sandbox`,
    id: `${dir}/id`,
    spec: `${dir}/spec.json`,
    state: `${dir}/state.json`,
    chaos: `${dir}/chaos.json`,
    net: `${dir}/net.json`,
    clouds: `${dir}/clouds.json`,
    recipes: `${dir}/recipes.json`,
    terraformrc: `${dir}/terraformrc`,
    facts: `${dir}/facts.jsonl`,
    mirror: `${dir}/mirror`,
    home: `${dir}/home`,
    tmp: `${dir}/tmp`,
    log: `${dir}/log`,
    clusters: `${dir}/clusters`,
    roots: `${dir}/roots`,
    locks: `${dir}/locks`,
    run,
    ns: `${run}/ns`,
    doors: `${run}/doors.json`,
    supervisorSocket: `${run}/supervisor.sock`,
    netSocket: `${run}/net.sock`,
    /** Alone in its folder: a pod that is shown the folder finds the socket of clouds that were started again. */
    cloudsRun: `${run}/clouds`,
    cloudsSocket: `${run}/clouds/api.sock`,
    usersSocket: (name: string) => `${run}/users-${name}.sock`,
    cluster: (id: string) => `${dir}/clusters/${id}`,
    /** Short, because the kubelet makes sockets far below it; node.json inside says whose it is. */
    node: (id: string, name: string) => `${dir}/n/${digest(`${id}/${name}`).slice(7, 15)}`,
  };
}
export type Layout = ReturnType<typeof layout>;

/** Linux refuses longer Unix socket paths (sun_path without its terminating zero). */
export const SOCKET_PATH_MAX = 107;

/** The longest socket path this directory will hold. */
export function longestSocket(dir: string, users: readonly string[]): string {
  const l = layout(dir);
  // The kubelet's socket for device plugins; the one for pod resources is shorter.
  const kubelet = `${l.node('', '')}/kubelet/device-plugins/kubelet.sock`;
  return [kubelet, l.supervisorSocket, l.cloudsSocket, ...users.map(l.usersSocket)].reduce((a, b) =>
    b.length > a.length ? b : a,
  );
}
