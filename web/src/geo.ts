/** Equal Earth (Šavrič, Patterson, Jenny 2018) on a sheet of 1000 × 487; integers are exact enough for a screen. */
const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796];
const M = Math.sqrt(3) / 2;
const HALF_WIDTH = 2.7066297;
const HALF_HEIGHT = 1.3173627;
export const WIDTH = 1000;
const SCALE = WIDTH / (2 * HALF_WIDTH);
/** The Antarctic has neither clusters nor users: the sheet ends above it. */
export const HEIGHT = 432;

/** Degrees to sheet coordinates; x grows to the east, y to the south. */
export function project(lon: number, lat: number): [x: number, y: number] {
  const theta = Math.asin(M * Math.sin((lat * Math.PI) / 180));
  const t2 = theta * theta;
  const t6 = t2 * t2 * t2;
  const x = ((lon * Math.PI) / 180) * Math.cos(theta) * (1 / (M * (A1 + 3 * A2 * t2 + t6 * (7 * A3 + 9 * A4 * t2))));
  const y = theta * (A1 + A2 * t2 + t6 * (A3 + A4 * t2));
  return [(x + HALF_WIDTH) * SCALE, (HALF_HEIGHT - y) * SCALE];
}

type Ring = readonly (readonly [number, number])[];
interface Shape {
  geometry: { type: string; coordinates: readonly unknown[] };
}

/** A ring that goes over the edge of the sheet, as pieces that do not. */
function pieces(ring: Ring): Ring[] {
  const all: (readonly [number, number])[][] = [[]];
  let before: number | undefined;
  for (const point of ring) {
    if (before !== undefined && Math.abs(point[0] - before) > 180) all.push([]);
    all.at(-1)?.push(point);
    before = point[0];
  }
  const first = all[0] ?? [];
  const last = all.at(-1) ?? [];
  // The ring ends where it began: its first and its last piece are one.
  return all.length > 1 ? [[...last, ...first], ...all.slice(1, -1)] : [first];
}

function piecePath(ring: Ring): string {
  if (ring.every(([, lat]) => lat < -60)) return '';
  let [px, py] = [Number.NaN, Number.NaN];
  const steps: string[] = [];
  for (const [lon, lat] of ring) {
    const [x, y] = project(lon, lat).map(Math.round) as [number, number];
    if (x === px && y === py) continue;
    steps.push(steps.length === 0 ? `M${x} ${y}l` : `${x - px} ${y - py}`);
    [px, py] = [x, y];
  }
  return steps.length < 3 ? '' : `${steps.join(' ')}z`;
}

/** GeoJSON polygons as one SVG path, relative and in integers. */
export function outline(shapes: Shape | { features: readonly Shape[] }): string {
  const all = 'features' in shapes ? shapes.features : [shapes];
  const polygons = all.flatMap(({ geometry: g }) =>
    g.type === 'Polygon' ? [g.coordinates as readonly Ring[]] : (g.coordinates as readonly (readonly Ring[])[]),
  );
  return polygons.flat().flatMap(pieces).map(piecePath).join('');
}

/** A bow from one point to another, bent to the north. */
export function bow([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): string {
  const length = Math.hypot(bx - ax, by - ay);
  const [mx, my] = [(ax + bx) / 2, (ay + by) / 2 - Math.max(12, length * 0.22)];
  return `M${ax.toFixed(1)} ${ay.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${bx.toFixed(1)} ${by.toFixed(1)}`;
}
