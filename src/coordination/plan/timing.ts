export interface Place {
  location: { lat: number; lon: number };
}
/** Milliseconds. */
export interface Timing {
  heartbeat: number;
  election: number;
}

const EARTH_KM = 6371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

function kilometres(a: Place['location'], b: Place['location']): number {
  const [lat, lon] = [radians(b.lat - a.lat), radians(b.lon - a.lon)];
  const h = Math.sin(lat / 2) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(lon / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(h));
}

/** Round trip over public networks, ms: light in fibre needs 1 ms per 100 km and back, cables make detours. */
const roundTrip = (km: number): number => 10 + km * 0.024;

/**
 * etcd's advice: a heartbeat about the longest round trip between members, an election ten times that. Estimated
 * from where the clusters lie, so that every plan says the same.
 */
export function timingOf(places: readonly Place[]): Timing {
  const trips = places.flatMap((a) => places.map((b) => roundTrip(kilometres(a.location, b.location))));
  const heartbeat = Math.max(100, Math.ceil(Math.max(...trips) / 50) * 50);
  return { heartbeat, election: heartbeat * 10 };
}
