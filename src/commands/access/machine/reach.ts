import type { Reach, Target } from '../model.ts';

type Place = Target['clusters'][number];

const isPlace = (word: string, c: Place): boolean =>
  word === c.name || word === `cloud:${c.cloud}` || word === `region:${c.region}`;

/** Everything the command would touch lies inside. */
export function covers(r: Reach, t: Target): boolean {
  const app = r.apps === undefined || (t.app !== undefined && r.apps.includes(t.app));
  const { clusters } = r;
  return app && (clusters === undefined || t.clusters.every((c) => clusters.some((w) => isPlace(w, c))));
}

/** Anything the command would touch lies inside. */
export function touches(r: Reach, t: Target): boolean {
  const app = r.apps === undefined || t.app === undefined || r.apps.includes(t.app);
  const { clusters } = r;
  return app && (clusters === undefined || t.clusters.some((c) => clusters.some((w) => isPlace(w, c))));
}

/** For people: `guestbook on sao, mtl`. */
export function sayReach(r: Reach): string {
  return `${r.apps?.join(', ') ?? 'everything'}${r.clusters === undefined ? '' : ` on ${r.clusters.join(', ')}`}`;
}

export const sayTarget = (t: Target): string =>
  `${t.app ?? `the fleet ${t.fleet}`} on ${t.clusters.map((c) => c.name).join(', ')}`;
