import type { StateFacts } from '../../../src/commands/index.ts';
import type { Tone } from '../../../src/kernel/index.ts';
import { Act } from '../parts/act.tsx';
import { Card, Mark, timeOf, Waiting } from '../parts/bits.tsx';
import { LagChart, type Lags } from '../parts/lag-chart.tsx';
import { Snapshots } from '../parts/snapshots.tsx';
import { Table } from '../parts/table.tsx';
import { session, state } from '../store.ts';

type Copy = StateFacts['clusters'][number];

const TONE: Readonly<Record<Copy['role'], Tone>> = {
  home: 'ok',
  copy: 'ok',
  'catching up': 'busy',
  fenced: 'warn',
  gateway: 'off',
  open: 'ok',
  closed: 'warn',
  unknown: 'bad',
};

/** The last ballot, and what it could prove then. */
const fenceOf = ({ fence }: Copy): string =>
  fence === undefined
    ? ''
    : `${fence.ballot} at ${fence.at === 'none' ? 'nothing provable' : `${fence.at.epoch}:${fence.at.offset}`}`;

/** As home it refuses writes, or would. */
const toneOf = (c: Copy): Tone =>
  c.short === undefined ? TONE[c.role] : c.role === 'home' || c.role === 'open' ? 'bad' : 'warn';

/** Where every cluster takes writes there is no home to be behind of. */
const isActive = (f: StateFacts): boolean => f.mode === 'active-active';

/** Why home cannot go there; the server decides, this only spares a press. */
function denied(f: StateFacts, c: Copy): string | undefined {
  if (f.home === null) return 'there is no home to move';
  if (f.ballot !== undefined) return 'home is changing already';
  return c.role === 'copy' ? undefined : `it is ${c.role}: only a copy in step can become home`;
}

function Move({ f, c }: { f: StateFacts; c: Copy }) {
  if (c.role === 'home' || c.role === 'gateway') return null;
  return (
    <Act
      verb="state move"
      args={{ app: f.app, to: c.name }}
      label={`Move home to ${c.name}`}
      command={`tw state move ${f.app} --to ${c.name}`}
      kind="forward"
      changes={[{ cluster: `home of ${f.app}`, from: f.home ?? 'none', to: c.name }]}
      note="Writes wait while home moves; nothing that was confirmed is lost."
      denied={denied(f, c)}
    />
  );
}

/** Gives up what a copy lacks: for a home that is lost for good. */
function Promote({ f, c }: { f: StateFacts; c: Copy }) {
  if (f.home !== null && f.ballot?.waits === undefined) return null;
  const fleet = session.value?.fleet ?? 'yes';
  return (
    <Act
      verb="state promote"
      args={{ app: f.app, to: c.name, acceptLoss: true, yes: true, confirm: fleet }}
      label={`Give up what ${c.name} lacks`}
      command={`tw state promote ${f.app} --to ${c.name} --accept-loss --confirm=${fleet}`}
      kind="forward"
      brief
      typed={fleet}
      note="Writes that were confirmed and that this copy lacks are lost for good."
    />
  );
}

const HEADS = {
  active: ['cluster', 'role', 'behind the others', 'reaches the others'],
  single: ['cluster', 'role', 'behind home', 'epoch', 'reaches home', 'fenced for', 'act'],
};

function Copies({ f }: { f: StateFacts }) {
  const active = isActive(f);
  return (
    <Table label={`Copies of ${f.app}`} heads={active ? HEADS.active : HEADS.single}>
      {f.clusters.map((c) => (
        <tr key={c.name}>
          <th scope="row">
            <Mark tone={toneOf(c)} /> {c.name}
          </th>
          <td>
            {c.role}
            {c.why !== undefined && <div class="why">{c.why}</div>}
          </td>
          <td>{c.lagMs === undefined ? '' : `${Math.round(c.lagMs)} ms`}</td>
          {!active && <td>{c.epoch ?? ''}</td>}
          <td>{c.via === undefined || c.via === 'direct' ? (c.via ?? '') : `via ${c.via}`}</td>
          {!active && <td>{fenceOf(c)}</td>}
          {!active && (
            <td>
              <Move f={f} c={c} />
              <Promote f={f} c={c} />
            </td>
          )}
        </tr>
      ))}
    </Table>
  );
}

function Title({ f }: { f: StateFacts }) {
  if (isActive(f))
    return (
      <p class="title">
        <Mark tone={f.copies === 0 ? 'bad' : f.copies < f.clusters.length ? 'warn' : 'ok'} />{' '}
        {`${f.copies} of ${f.clusters.length} clusters take writes, ${f.mode}`}
      </p>
    );
  return (
    <p class="title">
      <Mark tone={f.home === null ? 'bad' : 'ok'} />{' '}
      {f.home === null ? 'no home: writes wait, reads go on' : `home ${f.home}`}
      {f.epoch !== null && `, epoch ${f.epoch}`}, {f.mode}, {f.copies} in step
    </p>
  );
}

function App({ f }: { f: StateFacts }) {
  return (
    <>
      <Title f={f} />
      {f.ballot !== undefined && (
        <p class="why">
          ballot {f.ballot.n} by {f.ballot.by}: {f.ballot.why}
        </p>
      )}
      <Copies f={f} />
      {f.last !== undefined && (
        <p>
          {f.last.planned ? 'move' : 'failover'}: home {f.last.from ?? 'unknown'} → {f.last.to}, epoch {f.last.epoch}
          {f.last.tookMs !== null && `, ${(f.last.tookMs / 1000).toFixed(1)} s`}: {f.last.why}
        </p>
      )}
      {f.story.length > 0 && <h3>{isActive(f) ? 'What happened last' : 'The last change of home'}</h3>}
      <ol class="steps">
        {f.story.map((line, i) => (
          <li key={i}>{line}</li>
        ))}
      </ol>
    </>
  );
}

/** The worst of each minute, newest first: what the chart says, for those who do not see it. */
function minutesOf(lags: Lags): { at: number; ms: Record<string, number | null> }[] {
  const found = new Map<number, Record<string, number | null>>();
  for (const s of lags) {
    const at = Math.floor(s.at / MINUTE_MS) * MINUTE_MS;
    const worst = found.get(at) ?? {};
    for (const [name, ms] of Object.entries(s.ms)) {
      const before = worst[name];
      worst[name] = before === undefined ? ms : before === null || ms === null ? null : Math.max(before, ms);
    }
    found.set(at, worst);
  }
  return [...found].map(([at, ms]) => ({ at, ms })).toReversed();
}
const MINUTE_MS = 60_000;

function LagTable({ lags }: { lags: Lags }) {
  const minutes = minutesOf(lags);
  const names = [...new Set(minutes.flatMap((m) => Object.keys(m.ms)))].toSorted();
  const say = (ms: number | null | undefined): string =>
    ms === undefined ? '' : ms === null ? 'silent' : `${Math.round(ms)} ms`;
  return (
    <details>
      <summary>As a table: the worst of each minute</summary>
      <Table label="Lag by minute" heads={['minute', ...names]}>
        {minutes.map((m) => (
          <tr key={m.at}>
            <th scope="row">{timeOf(m.at)}</th>
            {names.map((n) => (
              <td key={n}>{say(m.ms[n])}</td>
            ))}
          </tr>
        ))}
      </Table>
    </details>
  );
}

/** In active-active there is no home to be behind of: the numbers above say all. */
function Lag({ f, lags }: { f: StateFacts; lags: Lags }) {
  if (lags.length === 0 || f.clusters.length < 2) return null;
  return (
    <>
      <h3>{isActive(f) ? 'Behind the others' : 'Behind home'}</h3>
      {lags.length < 2 ? <p class="muted">The chart begins with the second look.</p> : <LagChart lags={lags} />}
      <LagTable lags={lags} />
    </>
  );
}

/** Who takes writes, who has a copy, how far behind, and how the last change went? */
export function State() {
  const seen = state.value;
  const d = seen.data;
  const [first, ...more] = d?.apps ?? [];
  const card = (f: StateFacts) => (
    <Card key={f.app} title={f.app} seen={seen} wide>
      <App f={f} />
      <Lag f={f} lags={d?.lags[f.app] ?? []} />
      <Snapshots app={f.app} last={d?.snapshots[f.app]?.at} />
    </Card>
  );
  return (
    <>
      <h1>State</h1>
      {(d?.warnings ?? []).map((w) => (
        <p class="why" key={w.code}>
          {w.code} {w.title}: {w.why.join('; ')}
        </p>
      ))}
      {first === undefined && (
        <Card title="Shared state" seen={seen} wide>
          <Waiting seen={seen} />
        </Card>
      )}
      {first !== undefined && [first, ...more].map(card)}
    </>
  );
}
