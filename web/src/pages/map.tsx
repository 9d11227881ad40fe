import land from 'virtual:land';
import { signal } from '@preact/signals';
import type { Tone } from '../../../src/kernel/index.ts';
import { bow, HEIGHT, project, WIDTH } from '../geo.ts';
import { Card, Mark, Waiting } from '../parts/bits.tsx';
import { Drain } from '../parts/holds.tsx';
import { Table } from '../parts/table.tsx';
import { go } from '../route.ts';
import { map } from '../store.ts';
import type { Cell, MapData } from '../types.ts';

type Point = readonly [number, number];
interface Arc {
  key: string;
  from: Point;
  to: Point;
  share: number;
  rttMs: number | undefined;
  title: string;
}

/** Most groups of users on the map and in its table. */
const MOST = 200;
/** The host that is looked at; empty: the first. */
const chosen = signal('');
const hostOf = (d: MapData | undefined): MapData['hosts'][number] | undefined =>
  d?.hosts.find((h) => h.host === chosen.value) ?? d?.hosts[0];

/** Classes of round trips: colour and dash say the same. */
const CLASSES = [
  { name: 'near', under: 60, say: 'below 60 ms' },
  { name: 'middle', under: 160, say: '60 to 160 ms' },
  { name: 'far', under: Number.POSITIVE_INFINITY, say: 'above 160 ms' },
] as const;
const classOf = (ms: number | undefined): string => CLASSES.find((c) => (ms ?? 1000) < c.under)?.name ?? 'far';

/** Users who live where a cluster stands are drawn beside it, so that both can be seen. */
function userPoint(c: Cell, clusters: MapData['clusters']): Point | undefined {
  if (c.place === undefined) return undefined;
  const [x, y] = project(c.place.lon, c.place.lat);
  const close = clusters.some((k) => {
    const [cx, cy] = project(k.place.lon, k.place.lat);
    return Math.hypot(cx - x, cy - y) < 14;
  });
  return close ? [x - 24, y + 20] : [x, y];
}

function arcsOf(d: MapData): Arc[] {
  return (hostOf(d)?.cells.slice(0, MOST) ?? []).flatMap((c) => {
    const from = userPoint(c, d.clusters);
    if (from === undefined) return [];
    return c.to.flatMap((t): Arc[] => {
      const k = d.clusters.find((x) => x.name === t.cluster);
      if (k === undefined) return [];
      const ms = t.rttMs === undefined ? '' : `, ${Math.round(t.rttMs)} ms`;
      const title = `users ${c.prefix} to ${t.cluster}: ${Math.round(t.share * 100)} %${ms}`;
      return [
        {
          key: `${c.prefix} ${t.cluster}`,
          from,
          to: project(k.place.lon, k.place.lat),
          share: t.share,
          rttMs: t.rttMs,
          title,
        },
      ];
    });
  });
}

function Land({ d }: { d: MapData }) {
  const arcs = arcsOf(d);
  return (
    <svg
      class="world"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label="World map; the tables below say the same"
    >
      <path class="land" d={land} />
      {arcs.map((a) => (
        <path
          key={a.key}
          class={`arc ${classOf(a.rttMs)}`}
          d={bow(a.from, a.to)}
          stroke-width={1 + 3 * Math.sqrt(a.share)}
        >
          <title>{a.title}</title>
        </path>
      ))}
      {(hostOf(d)?.cells.slice(0, MOST) ?? []).map((c) => {
        const p = userPoint(c, d.clusters);
        return p === undefined ? null : (
          <circle key={c.prefix} class="users" cx={p[0]} cy={p[1]} r="4">
            <title>users {c.prefix}</title>
          </circle>
        );
      })}
      {d.clusters.map((k) => {
        const [x, y] = project(k.place.lon, k.place.lat);
        return (
          <g key={k.name} class={`cluster ${k.tone}`}>
            <circle cx={x} cy={y} r="8" />
            <text x={x + 12} y={y + 4}>
              {k.name}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

function Legend({ unknown }: { unknown: number }) {
  return (
    <ul class="legend">
      {CLASSES.map((c) => (
        <li key={c.name}>
          <svg viewBox="0 0 34 8" width="34" height="8" aria-hidden="true">
            <path class={`arc ${c.name}`} d="M1 4H33" stroke-width="3" />
          </svg>{' '}
          {c.say}
        </li>
      ))}
      {unknown > 0 && <li>{unknown} groups of users in an unknown place</li>}
    </ul>
  );
}

/** A cluster stands on the page of the fleet. */
function Open({ cluster }: { cluster: string }) {
  const there = (e: MouseEvent): void => {
    if (e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    go('/fleet', cluster);
  };
  return (
    <a href={`/fleet#${cluster}`} onClick={there}>
      {cluster}
    </a>
  );
}

function ClusterTable({ d }: { d: MapData }) {
  return (
    <Table label="Clusters" heads={['cluster', 'where', 'users are moved']}>
      {d.clusters.map((k) => (
        <tr key={k.name}>
          <th scope="row">
            <Mark tone={k.tone as Tone} /> <Open cluster={k.name} />
          </th>
          <td>
            {k.cloud} {k.region}
            {k.why !== null && <div class="why">{k.why}</div>}
          </td>
          <td>
            <Drain cluster={k.name} d={d} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function UserTable({ cells }: { cells: readonly Cell[] }) {
  return (
    <Table label="Users" heads={['users', 'served by', 'round trip']}>
      {cells.map((c) => (
        <tr key={c.prefix}>
          <th scope="row">{c.prefix}</th>
          <td>{c.to.map((t) => `${t.cluster} ${Math.round(t.share * 100)} %`).join(', ') || 'nobody'}</td>
          <td>{c.to.map((t) => (t.rttMs === undefined ? '?' : `${Math.round(t.rttMs)} ms`)).join(', ')}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Each host has its own answers. */
function Hosts({ d }: { d: MapData }) {
  if (d.hosts.length < 2) return null;
  return (
    <label class="begin">
      Host{' '}
      <select value={hostOf(d)?.host} onChange={(e) => (chosen.value = e.currentTarget.value)}>
        {d.hosts.map((h) => (
          <option key={h.host}>{h.host}</option>
        ))}
      </select>
    </label>
  );
}

function Users({ d }: { d: MapData }) {
  const cells = hostOf(d)?.cells ?? [];
  return (
    <Card title="Users" seen={map.value}>
      {cells.length === 0 ? (
        <p class="muted">No group of users is known yet: measure them, or name them in the config.</p>
      ) : (
        <UserTable cells={cells.slice(0, MOST)} />
      )}
      {cells.length > MOST && <p class="muted">{cells.length - MOST} more groups of users are not shown.</p>}
    </Card>
  );
}

/** Who is served from where, how fast? */
export function WorldMap() {
  const seen = map.value;
  const d = seen.data;
  const unknown = (hostOf(d)?.cells ?? []).filter((c) => c.place === undefined).length;
  return (
    <>
      <h1>{hostOf(d)?.host ?? 'Map'}</h1>
      <Card title="Users and clusters" seen={seen} wide>
        {d === undefined ? (
          <Waiting seen={seen} />
        ) : (
          <>
            <Hosts d={d} />
            <Land d={d} />
            <Legend unknown={unknown} />
          </>
        )}
      </Card>
      {d !== undefined && (
        <div class="cards">
          <Card title="Clusters" seen={seen}>
            <ClusterTable d={d} />
          </Card>
          <Users d={d} />
        </div>
      )}
    </>
  );
}
