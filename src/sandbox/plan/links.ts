import type { Link } from '../model.ts';

interface Site {
  name: string;
  lat: number;
  lon: number;
}

const EARTH_KM = 6371;
/** Light in fibre, km per ms. */
const FIBRE = 200;
/** Detour of real cables over the great circle; the measured pairs have 1.47, 2.32, 1.32. */
const DETOUR = 1.5;
/** Two regions in one city still have two data centres. */
const FLOOR_RTT_MS = 0.6;

/** Measured round trips, ms (sandbox.md section 9). */
const KNOWN: Readonly<Record<string, number>> = {
  'canadacentral sa-east-1': 120,
  'australia-southeast1 sa-east-1': 310,
  'australia-southeast1 canadacentral': 205,
};

/** Great-circle distance in km (haversine formula). Degrees in. */
export function distanceKm(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const rad = (deg: number): number => (deg * Math.PI) / 180;
  const h =
    Math.sin(rad(b.lat - a.lat) / 2) ** 2 +
    Math.cos(rad(a.lat)) * Math.cos(rad(b.lat)) * Math.sin(rad(b.lon - a.lon) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Round trip between two regions, ms. */
export function rttMs(a: Site, b: Site): number {
  const known = KNOWN[[a.name, b.name].toSorted().join(' ')];
  const far = ((2 * distanceKm(a, b)) / FIBRE) * DETOUR;
  return known ?? Math.max(FLOOR_RTT_MS, Math.round(far * 10) / 10);
}

/** The table of one-way links: every ordered pair. */
export function linksOf(sites: readonly Site[]): Link[] {
  return sites.flatMap((from) =>
    sites
      .filter((to) => to.name !== from.name)
      .map((to) => ({
        from: from.name,
        to: to.name,
        oneWayMs: rttMs(from, to) / 2,
        jitterPct: 2,
        lossPct: 0,
        kbit: 0,
        cut: false,
      })),
  );
}
