/** Degrees. */
export interface LatLon {
  lat: number;
  lon: number;
}

const EARTH_KM = 6371;
const rad = (deg: number): number => (deg * Math.PI) / 180;

/** Great-circle distance in km (haversine formula). */
export function km(a: LatLon, b: LatLon): number {
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 +
    Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/**
 * Round trip between two places over public networks before anybody has measured it, ms: light in fibre needs 1 ms
 * per 100 km there and back, cables make detours. So every plan says the same.
 */
export const estimatedRtt = (a: LatLon, b: LatLon): number => 10 + km(a, b) * 0.024;
