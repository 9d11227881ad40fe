import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { StateFacts } from '../../../src/commands/index.ts';
import type { Tone } from '../../../src/kernel/index.ts';
import { look } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Card, Mark, Waiting } from '../parts/bits.tsx';
import { type Seen, serverNow } from '../store.ts';

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

/** Where every cluster takes writes there is no home to be behind of. */
const isActive = (f: StateFacts): boolean => f.mode === 'active-active';

function Copies({ f }: { f: StateFacts }) {
  const active = isActive(f);
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">cluster</th>
            <th scope="col">role</th>
            <th scope="col">{active ? 'behind the others' : 'behind home'}</th>
            {!active && <th scope="col">epoch</th>}
            <th scope="col">{active ? 'reaches the others' : 'reaches home'}</th>
            {!active && <th scope="col">fenced for</th>}
            {!active && <th scope="col">home</th>}
          </tr>
        </thead>
        <tbody>
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
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
      <ol class="plain">
        {f.story.map((line, i) => (
          <li key={i}>{line}</li>
        ))}
      </ol>
    </>
  );
}

const EVERY_MS = 3000;

/** Who takes writes, who has a copy, and how the last change went? */
export function State() {
  const seen = useSignal<Seen<StateFacts[]>>({ data: undefined, at: 0, problem: undefined });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const again = async (): Promise<void> => {
      const said = await look('state status');
      if (said.is === 'done') {
        const data = (said.data as { apps: StateFacts[] }).apps;
        seen.value = { data, at: serverNow.value, problem: said.problem };
      } else if (said.is === 'no') seen.value = { ...seen.value, problem: said.problem };
      if (!over) timer = setTimeout(() => void again(), EVERY_MS);
    };
    void again();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  const { data } = seen.value;
  return (
    <>
      <h1>State</h1>
      {data === undefined && (
        <Card title="Shared state" seen={seen.value} wide>
          <Waiting seen={seen.value} />
        </Card>
      )}
      {data?.map((f) => (
        <Card key={f.app} title={f.app} seen={seen.value} wide>
          <App f={f} />
        </Card>
      ))}
    </>
  );
}
