import { type GeoPermissibleObjects, geoEqualEarth, geoPath } from 'd3-geo';
import { HEIGHT, MIDDLE, SCALE, WIDTH } from './geo.ts';

/** Land as one SVG path on the sheet, in integers: exact enough for a screen. Runs when the dashboard is built. */
export function outline(land: GeoPermissibleObjects): string {
  const sheet = geoEqualEarth()
    .scale(SCALE)
    .translate([...MIDDLE])
    .clipExtent([
      [0, 0],
      [WIDTH, HEIGHT],
    ]);
  return geoPath(sheet).digits(0)(land) ?? '';
}
