import { map } from '../store.ts';
import type { Cell, Intent, MapData } from '../types.ts';
import { Card, Mark, Waiting } from './bits.tsx';
import { Table } from './table.tsx';

/** What was wanted of a name, in words. */
function wishes(i: Intent): string[] {
  const { serve } = i;
  const weights = Object.entries(serve.weights ?? {}).map(([c, w]) => `${c} ${w}`);
  const order = (serve.order ?? []).map((g) => g.join(' or '));
  const how: Readonly<Record<string, string>> = {
    fastest: 'the fastest cluster that is well',
    nearest: 'the nearest cluster that is well',
    weights: `by weights: ${weights.join(', ')}`,
    order: `in this order: ${order.join(', then ')}`,
  };
  return [
    how[serve.by] ?? serve.by,
    `an answer lives ${i.ttl} s`,
    ...i.residency.map((r) => `users of ${r.from.join(', ')} ${r.strict ? 'only' : 'rather'} to ${r.to.join(', ')}`),
    ...Object.entries(i.capacity).map(([c, rate]) => `${c} takes ${rate} requests a second`),
  ];
}

export function Intents() {
  const seen = map.value;
  const hosts = seen.data?.hosts ?? [];
  return (
    <Card title="Intent" seen={seen}>
      {seen.data === undefined && <Waiting seen={seen} />}
      {seen.data !== undefined && hosts.length === 0 && <p class="muted">No app of this fleet has a host name.</p>}
      {hosts.map((h) => (
        <div key={h.host}>
          <h3>{h.host}</h3>
          <ul class="plain">
            {wishes(h.intent).map((w) => (
              <li key={w}>{w}</li>
            ))}
          </ul>
        </div>
      ))}
    </Card>
  );
}

function Trip({ c, cluster }: { c: Cell; cluster: string }) {
  const rtt = c.rtt[cluster];
  const serves = c.to.some((t) => t.cluster === cluster);
  if (rtt === undefined) return <td class="muted">?</td>;
  return (
    <td class={serves ? 'serves' : undefined}>
      {Math.round(rtt.ms)} ms {serves && <Mark tone="ok" />}
      <div class="muted">{rtt.samples === 0 ? 'by distance' : `${rtt.samples} samples`}</div>
    </td>
  );
}

/** Most rows of a table; a map of many prefixes says how many it left out. */
const MOST = 200;

function OfHost({ d, of: h }: { d: MapData; of: MapData['hosts'][number] }) {
  return (
    <>
      <Table label={`Round trips of the users of ${h.host}`} heads={['users', ...d.clusters.map((k) => k.name)]}>
        {h.cells.slice(0, MOST).map((c) => (
          <tr key={c.prefix}>
            <th scope="row">{c.prefix}</th>
            {d.clusters.map((k) => (
              <Trip key={k.name} c={c} cluster={k.name} />
            ))}
          </tr>
        ))}
      </Table>
      {h.cells.length > MOST && <p class="muted">{h.cells.length - MOST} more groups of users are not shown.</p>}
    </>
  );
}

/** Round trip of each group of users to each cluster, and who serves them. */
export function Measured() {
  const seen = map.value;
  const d = seen.data;
  return (
    <Card title="Measured map" seen={seen} wide>
      {d === undefined && <Waiting seen={seen} />}
      {d !== undefined && (
        <>
          <p class="muted">
            <Mark tone="ok" /> serves these users. What was not measured is told by distance.
          </p>
          {d.hosts.map((h) => (
            <OfHost key={h.host} d={d} of={h} />
          ))}
        </>
      )}
    </Card>
  );
}

const counted = (codes: Readonly<Record<string, number>>): string =>
  Object.entries(codes)
    .map(([code, n]) => `${n} ${code}`)
    .join(', ') || 'none yet';

/** What each nameserver answered since it started, or why nothing is heard of it. */
export function Nameservers() {
  const seen = map.value;
  const d = seen.data;
  const answers = Object.entries(d?.hosts[0]?.answers ?? {});
  return (
    <Card title="Nameservers" seen={seen}>
      {d === undefined && <Waiting seen={seen} />}
      {d !== undefined && answers.length + d.missing.length === 0 && (
        <p class="muted">This fleet has none of its own.</p>
      )}
      <ul class="plain">
        {answers.map(([cluster, codes]) => (
          <li key={cluster}>
            <Mark tone="ok" /> {cluster}: answers since it started: {counted(codes)}
          </li>
        ))}
        {d?.missing.map((m) => (
          <li key={m.cluster}>
            <Mark tone="bad" /> {m.cluster} does not answer <div class="why">{m.why}</div>
          </li>
        ))}
      </ul>
    </Card>
  );
}
