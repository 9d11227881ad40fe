import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { StateData } from '../types.ts';

export type Lags = StateData['lags'][string];

/** Colour and dash say the same; more copies than these begin again. */
const LINES = [
  { colour: '--accent', dash: [] },
  { colour: '--warn', dash: [9, 5] },
  { colour: '--ok', dash: [3, 4] },
  { colour: '--bad', dash: [12, 4, 3, 4] },
] as const;
const lineAt = (i: number): (typeof LINES)[number] => LINES[i % LINES.length] as (typeof LINES)[number];

const HEIGHT = 220;
/** The chart is at least as long. Seconds. */
const LEAST_S = 120;
/** Asked at each drawing: the theme may have changed. */
const css = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name);
/** A canvas knows no `light-dark()`: the browser works it out on an element. */
function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = css(name);
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const namesOf = (lags: Lags): string[] => [...new Set(lags.flatMap((s) => Object.keys(s.ms)))].toSorted();

function dataOf(lags: Lags, names: readonly string[]): UPlot.AlignedData {
  return [lags.map((s) => s.at / 1000), ...names.map((n) => lags.map((s) => s.ms[n] ?? null))];
}

function optionsOf(names: readonly string[], width: number): UPlot.Options {
  const axis = { stroke: () => colour('--muted'), grid: { stroke: () => colour('--line'), width: 1 } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_u, min, max) => [Math.min(min, max - LEAST_S), max] },
      y: { range: (_u, _min, max) => [0, Math.max(50, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, values: (_u, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString()), space: 90 },
      { ...axis, values: (_u, ticks) => ticks.map((t) => `${t} ms`), size: 70 },
    ],
    series: [
      {},
      ...names.map((label, i) => ({
        label,
        stroke: () => colour(lineAt(i).colour),
        dash: [...lineAt(i).dash],
        width: 2,
        spanGaps: false,
        points: { show: false },
      })),
    ],
  };
}

/** How far the copies were behind home, over the last minutes. */
export function LagChart({ lags }: { lags: Lags }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const names = namesOf(lags);
  useEffect(() => {
    const el = place.current;
    if (el === null) return undefined;
    const u = new UPlot(optionsOf(names, el.clientWidth), dataOf(lags, names), el);
    plot.current = u;
    const watch = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height: HEIGHT }));
    watch.observe(el);
    return () => {
      watch.disconnect();
      u.destroy();
    };
    // Other copies are another chart.
  }, [names.join()]);
  useEffect(() => plot.current?.setData(dataOf(lags, names)), [lags]);
  return (
    <>
      <div class="chart" ref={place} role="img" aria-label="Lag of the copies; the table below says the same" />
      <ul class="legend">
        {names.map((n, i) => (
          <li key={n}>
            <svg viewBox="0 0 34 8" width="34" height="8" aria-hidden="true">
              <path
                class={`lag ${lineAt(i).colour.slice(2)}`}
                d="M1 4H33"
                stroke-dasharray={lineAt(i).dash.join(' ')}
              />
            </svg>{' '}
            {n}
          </li>
        ))}
      </ul>
    </>
  );
}
