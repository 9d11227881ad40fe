import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StandingApp } from '../../../src/commands/index.ts';
import type { Problem, Tone } from '../../../src/kernel/index.ts';
import { act, look } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Card, duration, Mark, Trouble, Waiting } from '../parts/bits.tsx';
import { Lanes } from '../parts/lanes.tsx';
import { isOpenRelease, ReleaseActs } from '../parts/release-acts.tsx';
import { Table } from '../parts/table.tsx';
import { part } from '../route.ts';
import { releases, serverNow } from '../store.ts';
import type { Release } from '../types.ts';

const TITLE: Readonly<Record<Release['decision'], string>> = {
  preparing: 'preparing: users see the old version',
  committed: 'committed: users are switched',
  aborting: 'rolling back everywhere',
  done: 'done: every cluster serves it',
  rolledback: 'rolled back: every cluster serves its old version',
};
const TONE: Readonly<Record<Release['decision'], Tone>> = {
  preparing: 'busy',
  committed: 'busy',
  aborting: 'bad',
  done: 'ok',
  rolledback: 'bad',
};

const titleOf = (r: Release): string =>
  r.decision === 'committed' && r.step === 'keep' ? 'released: the old version is kept' : TITLE[r.decision];

function Head({ r }: { r: Release }) {
  const kept = r.rollbackUntilMs === null ? undefined : r.rollbackUntilMs - serverNow.value;
  const general = r.why.filter((w) => !r.lanes.some((l) => l.name === w.cluster));
  return (
    <>
      <p class="title">
        <Mark tone={r.outcome === 'done' ? 'ok' : TONE[r.decision]} /> {r.app}@{r.green} <code>{r.release}</code>{' '}
        {titleOf(r)}
      </p>
      <p class="muted">
        {r.wave >= 0 && `step ${r.step}, wave ${r.wave + 1} of ${r.waves}, `}epoch {r.epoch}, by {r.by}, plan{' '}
        <code>{r.planId}</code>
        {r.skewMs !== null && `, switched within ${Math.round(r.skewMs)} ms`}
        {kept !== undefined && kept > 0 && `, rollback at once for ${duration(kept)}`}
        {r.pointOfNoReturn && ', past the point of no return'}
      </p>
      {r.cause !== null && (
        <p class="why">
          {r.cause.code} {r.cause.say}
        </p>
      )}
      {general.map((w) => (
        <p class="why" key={`${w.cluster} ${w.say}`}>
          waits: {w.say}
        </p>
      ))}
    </>
  );
}

interface Preview {
  plan: { id: string; green: string; members: string[]; blue: Record<string, string>; lagging: string[] };
  refused: { code: string; say: string }[];
}

/** A new release: its plan first, then exactly that plan. */
function Begin({ app }: { app: StandingApp }) {
  const version = useSignal('');
  const preview = useSignal<Preview | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const asking = useSignal(false);
  const target = `${app.app}@${version.value.trim()}`;
  const ask = async (e: Event): Promise<void> => {
    e.preventDefault();
    asking.value = true;
    const said = await act('release', { target, dryRun: true }, 30);
    asking.value = false;
    preview.value = said.is === 'done' ? (said.data as Preview) : undefined;
    problem.value = said.is === 'no' ? said.problem : undefined;
  };
  const p = preview.value?.plan;
  const refused = preview.value?.refused ?? [];
  return (
    <form class="begin" onSubmit={(e) => void ask(e)}>
      <label>
        Version to release{' '}
        <input
          required
          pattern="[A-Za-z0-9][A-Za-z0-9_.\-]*"
          value={version.value}
          placeholder="v2"
          onInput={(e) => {
            version.value = e.currentTarget.value;
            preview.value = undefined;
          }}
        />
      </label>
      <button type="submit" disabled={asking.value}>
        {asking.value ? 'Planning…' : 'Plan it'}
      </button>
      {p !== undefined && (
        <Act
          verb="release"
          args={{ target: `${app.app}@${p.green}`, plan: p.id }}
          label={`Release ${p.green}`}
          command={`tw release ${app.app}@${p.green} --plan ${p.id}`}
          kind="forward"
          strong
          denied={refused.length === 0 ? undefined : refused.map((x) => `${x.code} ${x.say}`).join('; ')}
          changes={p.members.map((c) => ({ cluster: c, from: p.blue[c] ?? '?', to: p.green }))}
          onSaid={(s) => s.is !== 'no' && (preview.value = undefined)}
        />
      )}
      {problem.value !== undefined && <Trouble problem={problem.value} />}
    </form>
  );
}

interface Past {
  release: string;
  green: string;
  blue: Record<string, string>;
  decision: Release['decision'];
  by: string;
  cause: { code: string; say: string } | null;
  startedAtMs: number;
  endedAtMs: number | null;
}

function PastReleases({ app, now }: { app: string; now: string }) {
  const all = useSignal<Past[]>([]);
  const wanted = part.value;
  useEffect(() => {
    void look('history', { app }).then((s) => {
      if (s.is === 'done') all.value = (s.data as { releases: Past[] }).releases;
    });
  }, [app, now]);
  useEffect(() => document.getElementById(wanted)?.focus(), [wanted, all.value]);
  if (all.value.length === 0) return null;
  return (
    <details open={all.value.some((p) => p.release === wanted)}>
      <summary>All releases ({all.value.length})</summary>
      <Table label={`All releases of ${app}`} heads={['release', 'from → to', 'end', 'by', 'began']}>
        {all.value.map((p) => (
          <tr key={p.release} id={p.release} tabIndex={-1}>
            <th scope="row">{p.release}</th>
            <td>
              {[...new Set(Object.values(p.blue))].join(', ')} → {p.green}
            </td>
            <td>
              <Mark tone={TONE[p.decision]} /> {p.decision}
              {p.cause !== null && <div class="why">{p.cause.say}</div>}
            </td>
            <td>{p.by}</td>
            <td>{new Date(p.startedAtMs).toLocaleString()}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

/** How far, and can I go back? */
export function Releases() {
  const seen = releases.value;
  const apps = seen.data?.apps ?? [];
  return (
    <>
      <h1>Releases</h1>
      {seen.data === undefined && <Waiting seen={seen} />}
      {seen.data !== undefined && apps.length === 0 && <p>No app of this fleet has a release block in the config.</p>}
      {apps.map((a) => (
        <Card key={a.app} title={a.host === null ? a.app : `${a.app} (${a.host})`} seen={seen} wide>
          {a.release === null ? (
            <p class="muted">
              Never released: {a.clusters.join(', ')} serve {a.version}, as the config says.
            </p>
          ) : (
            <>
              <Head r={a.release} />
              <ReleaseActs of={a} />
              <Lanes of={a.release} />
            </>
          )}
          {(!isOpenRelease(a.release) || a.release.step === 'keep') && <Begin app={a} />}
          <PastReleases app={a.app} now={`${a.release?.release} ${a.release?.decision}`} />
        </Card>
      ))}
    </>
  );
}
