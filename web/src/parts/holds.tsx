import { map, serverNow } from '../store.ts';
import type { MapData } from '../types.ts';
import { Act } from './act.tsx';
import { Card, duration, Mark, Waiting } from './bits.tsx';

/** Moves users off a cluster, or lets them return. */
export function Drain({ cluster, d }: { cluster: string; d: MapData }) {
  const held = d.hosts.some((h) => h.holds.some((x) => x.cluster === cluster && x.kind === 'drain'));
  return held ? (
    <Act
      verb="undrain"
      args={{ cluster }}
      label={`Let users return to ${cluster}`}
      command={`tw undrain ${cluster}`}
      kind="safe"
      tone="forward"
      changes={[{ cluster, from: 'takes none', to: 'takes users' }]}
    />
  ) : (
    <Act
      verb="drain"
      args={{ cluster, because: 'dashboard' }}
      label={`Drain ${cluster}`}
      command={`tw drain ${cluster} --because dashboard`}
      kind="safe"
      changes={[{ cluster, from: 'takes users', to: 'takes none' }]}
    />
  );
}

/** Clusters that get no users, by whom and since when; and the way to and from it. */
export function Holds() {
  const seen = map.value;
  const d = seen.data;
  const holds = d?.hosts[0]?.holds ?? [];
  return (
    <Card title="Holds" seen={seen}>
      {d === undefined && <Waiting seen={seen} />}
      {d !== undefined && holds.length === 0 && <p class="muted">No cluster is drained or braked.</p>}
      <ul class="plain">
        {holds.map((h) => (
          <li key={`${h.cluster} ${h.kind}`}>
            <Mark tone={h.kind === 'brake' ? 'bad' : 'warn'} /> {h.kind} of {h.cluster} by {h.by}: {h.why}, for{' '}
            {duration(serverNow.value - h.since)}
            {h.kind === 'brake' && (
              <Act
                verb="undrain"
                args={{ cluster: h.cluster, brake: true }}
                label={`End the brake of ${h.cluster}`}
                command={`tw undrain ${h.cluster} --brake`}
                kind="safe"
                tone="forward"
                note="Its version and health are looked at first."
              />
            )}
          </li>
        ))}
      </ul>
      <ul class="plain">
        {d?.clusters.map((k) => (
          <li key={k.name}>
            <Drain cluster={k.name} d={d} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
