import { geoEqualEarth } from 'd3-geo';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bow, project, WIDTH } from './geo.ts';
import { outline } from './outline.ts';

describe('Equal Earth', () => {
  it('is the projection of d3-geo, on our sheet', () => {
    const scale = WIDTH / (2 * 2.7066297);
    const d3 = geoEqualEarth()
      .scale(scale)
      .translate([WIDTH / 2, 1.3173627 * scale]);
    fc.assert(
      fc.property(
        fc.double({ min: -179, max: 179, noNaN: true }),
        fc.double({ min: -89, max: 89, noNaN: true }),
        (lon, lat) => {
          const [x, y] = project(lon, lat);
          const [dx, dy] = d3([lon, lat]) ?? [Number.NaN, Number.NaN];
          expect(Math.hypot(x - dx, y - dy)).toBeLessThan(0.01);
        },
      ),
    );
  });
});

describe('outline', () => {
  // Clockwise, as GeoJSON on a globe: else it is everything but this land.
  const polygon = (ring: [number, number][]) => ({ type: 'Polygon' as const, coordinates: [ring.toReversed()] });

  it('a land over the edge of the sheet is drawn on both sides, never across', () => {
    const path = outline(
      polygon([
        [170, 10],
        [179, 10],
        [-175, 12],
        [-170, 20],
        [-178, 25],
        [175, 25],
        [170, 20],
        [170, 10],
      ]),
    );
    const rings = path.split('M').slice(1);
    expect(rings).toHaveLength(2);
    for (const ring of rings) {
      const xs = [...ring.matchAll(/(-?\d+),/g)].map((m) => Number(m[1]));
      expect(xs.length).toBeGreaterThan(2);
      expect(Math.max(...xs) - Math.min(...xs)).toBeLessThan(60);
    }
  });

  it('the Antarctic is left out', () => {
    expect(
      outline(
        polygon([
          [-60, -80],
          [60, -80],
          [0, -70],
          [-60, -80],
        ]),
      ),
    ).toBe('');
  });
});

it('a bow ends where it should', () => {
  expect(bow([0, 100], [100, 100])).toBe('M0.0 100.0Q50.0 78.0 100.0 100.0');
});
