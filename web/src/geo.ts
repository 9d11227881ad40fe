import { geoEqualEarthRaw } from 'd3-geo';

/** Equal Earth (Šavrič, Patterson, Jenny 2018) on a sheet of 1000 × 487, as d3-geo computes it. */
const HALF_WIDTH = 2.7066297;
const HALF_HEIGHT = 1.3173627;
export const WIDTH = 1000;
export const SCALE = WIDTH / (2 * HALF_WIDTH);
/** Of longitude 0, latitude 0. */
export const MIDDLE = [HALF_WIDTH * SCALE, HALF_HEIGHT * SCALE] as const;
/** The Antarctic has neither clusters nor users: the sheet ends above it. */
export const HEIGHT = 432;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Degrees to sheet coordinates; x grows to the east, y to the south. */
export function project(lon: number, lat: number): [x: number, y: number] {
  const [x, y] = geoEqualEarthRaw(radians(lon), radians(lat));
  return [MIDDLE[0] + x * SCALE, MIDDLE[1] - y * SCALE];
}

/** A bow from one point to another, bent to the north. */
export function bow([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): string {
  const length = Math.hypot(bx - ax, by - ay);
  const [mx, my] = [(ax + bx) / 2, (ay + by) / 2 - Math.max(12, length * 0.22)];
  return `M${ax.toFixed(1)} ${ay.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${bx.toFixed(1)} ${by.toFixed(1)}`;
}
