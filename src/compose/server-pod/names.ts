/** The server as a pod of a cluster: names, ports and paths that both sides know. */
export const NAMESPACE = 'tradewind-server';
export const NAME = 'server';
export const POD = `${NAME}-0`;
/** Files of the project: Secret, and its key. */
export const PROJECT = { secret: 'project', file: 'project.json.gz' } as const;
/** What replaces the clouds' own addresses, where they are simulated. */
export const PLACE = { secret: 'place', file: 'place.json' } as const;

/**
 * `api`: `tw serve`, on loopback unless a proxy stands in front; `keep`: where the files come in and go out, on loopback
 * alone, so that only whoever may forward a port of this pod reaches it; `health`: for the kubelet.
 */
export const PORTS = { api: 4747, keep: 4748, health: 4749 } as const;

export const PATHS = {
  project: '/etc/tradewind/project',
  place: '/etc/tradewind/place',
  data: '/var/lib/tradewind',
} as const;
