import { useEffect } from 'preact/hooks';
import type { Tone } from '../../../src/kernel/index.ts';
import { Act, Command, flag, word } from '../parts/act.tsx';
import { Age, Card, duration, Mark, Trouble, Waiting } from '../parts/bits.tsx';
import { Checks } from '../parts/checks.tsx';
import { Table } from '../parts/table.tsx';
import { cloudDifferences, differences, makePlan, plan, planning, scope } from '../plan.ts';
import { go, part } from '../route.ts';
import { fleet, releases, serverNow, session } from '../store.ts';
import type { AppOn, FleetData } from '../types.ts';
import { Apply } from './plan.tsx';

type Cluster = FleetData['clusters'][number];
const clusterTone = (c: Cluster): Tone => (c.ready ? 'ok' : c.reachable ? 'busy' : c.why === null ? 'off' : 'bad');
const APP_TONE: Readonly<Record<string, Tone>> = { Progressing: 'busy', Absent: 'off', Unknown: 'unknown' };
const appTone = (a: AppOn): Tone => {
  if (a.lastSeen !== undefined) return 'unknown';
  return a.ready ? 'ok' : (APP_TONE[a.health] ?? 'bad');
};

/** How a place differs from the config, where a plan said so. */
function Drift({ n }: { n: number | undefined }) {
  if (n === undefined) return null;
  return (
    <div class="muted">
      <Mark tone={n === 0 ? 'ok' : 'warn'} />{' '}
      {n === 0 ? 'as configured' : `${n} ${n === 1 ? 'difference' : 'differences'}`}
    </div>
  );
}

function AppCell({ app, drift }: { app: AppOn | undefined; drift: number | undefined }) {
  if (app === undefined) return <td class="muted">not here</td>;
  return (
    <td class={app.lastSeen === undefined ? undefined : 'old'}>
      <Mark tone={appTone(app)} /> {app.health === 'Absent' ? 'not deployed' : (app.version ?? '?')}{' '}
      {app.health !== 'Absent' && (
        <span class="muted">
          {app.replicas}/{app.wanted} ready
        </span>
      )}
      {app.why.length > 0 && <div class="why">{app.why.join('; ')}</div>}
      <Drift n={drift} />
    </td>
  );
}

function seenAt(c: Cluster): string {
  if (c.lastSeen === undefined) return 'answers';
  return c.lastSeen === null
    ? 'not since the server started'
    : `last seen ${duration(serverNow.value - c.lastSeen)} ago`;
}

function Seen({ c }: { c: Cluster }) {
  return (
    <td>
      {seenAt(c)}
      {c.why !== null && <div class="why">{c.why}</div>}
    </td>
  );
}

function planOf(cluster: string): void {
  void makePlan(cluster);
  go('/plan');
}

function Matrix({ d }: { d: FleetData }) {
  const p = plan.value.data;
  const wanted = part.value;
  useEffect(() => document.getElementById(wanted)?.focus(), [wanted]);
  return (
    <Table
      label="Clusters and apps"
      heads={['cluster', 'seen', 'nodes', 'Kubernetes', ...d.apps.map((a) => a.name), 'act']}
    >
      {d.clusters.map((c) => (
        <tr key={c.name} id={c.name} tabIndex={-1}>
          <th scope="row">
            <Mark tone={clusterTone(c)} /> {c.name}
            <div class="muted">
              {c.cloud} {c.region}
            </div>
            <Drift n={cloudDifferences(p, c.name)} />
          </th>
          <Seen c={c} />
          <td class={c.lastSeen == null ? undefined : 'old'}>
            {c.reachable || c.lastSeen != null ? `${c.nodes}/${c.nodesTotal}` : '?'}
          </td>
          <td class={c.lastSeen == null ? undefined : 'old'}>{c.version ?? '?'}</td>
          {d.apps.map((a) => (
            <AppCell
              key={a.name}
              app={a.clusters.find((x) => x.name === c.name)}
              drift={differences(p, c.name, a.name)}
            />
          ))}
          <td>
            <button type="button" title={`tw plan --on ${c.name}`} onClick={() => planOf(c.name)}>
              Plan {c.name}
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Differences are known when a plan was made, and as old as it. */
function Compare() {
  const { data, at, problem } = plan.value;
  const of = scope.value === '' ? 'the fleet' : scope.value;
  return (
    <>
      <div class="buttons">
        <button type="button" class="forward" disabled={planning.value} onClick={() => void makePlan('')}>
          {planning.value ? 'Comparing…' : 'Compare with the config'}
        </button>
        <Command line="tw plan" />
        {data !== undefined && (
          <>
            <span class="muted">
              Plan <code>{data.id}</code> of {of}, {data.changes.total} changes, made <Age at={at} />
            </span>
            <Apply p={data} />
          </>
        )}
      </div>
      {problem !== undefined && <Trouble problem={problem} />}
    </>
  );
}

/** For switches that somebody edited or deleted by hand. */
function Adopt() {
  const apps = (releases.value.data?.apps ?? []).map((a) => a.app);
  const clusters = session.value?.clusters ?? [];
  if (apps.length === 0) return null;
  return (
    <Card title="Switches that were changed by hand">
      <div class="buttons">
        {apps.map((app) => (
          <Act
            key={app}
            verb="adopt"
            args={{ app, yes: true }}
            label={`Adopt switches of ${app}`}
            command={(v) => `tw adopt ${word(app)}${flag('on', v['on'])}${flag('live', v['live'])}`}
            kind="forward"
            fields={[
              { name: 'on', label: 'Cluster', options: ['', ...clusters], none: 'everywhere', list: true },
              { name: 'live', label: 'Version that shall be live, when no release is open' },
            ]}
            note="Takes a switch again that somebody edited or deleted; what is as it was left is not touched."
          />
        ))}
      </div>
    </Card>
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
        <Compare />
        {seen.data?.warnings.map((w) => (
          <p class="why" key={w.code}>
            {w.code} {w.title}: {w.why[0]}
          </p>
        ))}
      </Card>
      <div class="cards">
        <Adopt />
        <Checks />
      </div>
    </>
  );
}
