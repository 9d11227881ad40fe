import { estimatedRtt, type LatLon } from '../../kernel/index.ts';

export interface Place {
  location: LatLon;
}
/** Milliseconds. */
export interface Timing {
  heartbeat: number;
  election: number;
}

/**
 * etcd's advice: a heartbeat about the longest round trip between members, an election ten times that. Estimated
 * from where the clusters lie, so that every plan says the same.
 */
export function timingOf(places: readonly Place[]): Timing {
  const trips = places.flatMap((a) => places.map((b) => estimatedRtt(a.location, b.location)));
  const heartbeat = Math.max(100, Math.ceil(Math.max(...trips) / 50) * 50);
  return { heartbeat, election: heartbeat * 10 };
}
