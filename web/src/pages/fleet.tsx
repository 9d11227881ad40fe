import type { Tone } from '../../../src/kernel/index.ts';
import { Card, Mark, Waiting } from '../parts/bits.tsx';
import { fleet } from '../store.ts';
import type { AppOn, FleetData } from '../types.ts';

type Cluster = FleetData['clusters'][number];
const clusterTone = (c: Cluster): Tone => (c.ready ? 'ok' : c.reachable ? 'busy' : c.why === null ? 'off' : 'bad');
const APP_TONE: Readonly<Record<string, Tone>> = { Progressing: 'busy', Absent: 'off', Unknown: 'unknown' };
const appTone = (a: AppOn): Tone => (a.ready ? 'ok' : (APP_TONE[a.health] ?? 'bad'));

function AppCell({ app }: { app: AppOn | undefined }) {
  if (app === undefined) return <td class="muted">not here</td>;
  return (
    <td>
      <Mark tone={appTone(app)} /> {app.version ?? '?'}{' '}
      <span class="muted">
        {app.replicas}/{app.wanted} ready
      </span>
      {app.why.length > 0 && <div class="why">{app.why.join('; ')}</div>}
    </td>
  );
}

function Matrix({ d }: { d: FleetData }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">cluster</th>
          <th scope="col">nodes</th>
          <th scope="col">Kubernetes</th>
          {d.apps.map((a) => (
            <th scope="col" key={a.name}>
              {a.name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {d.clusters.map((c) => (
          <tr key={c.name}>
            <th scope="row">
              <Mark tone={clusterTone(c)} /> {c.name}
              <div class="muted">
                {c.cloud} {c.region}
              </div>
            </th>
            <td>
              {c.reachable ? `${c.nodes}/${c.nodesTotal}` : 'no answer'}
              {c.why !== null && <div class="why">{c.why}</div>}
            </td>
            <td>{c.version ?? ''}</td>
            {d.apps.map((a) => (
              <AppCell key={a.name} app={a.clusters.find((x) => x.name === c.name)} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Is every cluster as it should be? */
export function Fleet() {
  const seen = fleet.value;
  return (
    <>
      <h1>Fleet {seen.data?.fleet}</h1>
      <Card title="Clusters and apps" seen={seen} wide>
        {seen.data === undefined ? <Waiting seen={seen} /> : <Matrix d={seen.data} />}
        {seen.data?.warnings.map((w) => (
          <p class="why" key={w.code}>
            {w.code} {w.title}: {w.why[0]}
          </p>
        ))}
      </Card>
    </>
  );
}
