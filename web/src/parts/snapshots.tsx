import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Problem, Tone } from '../../../src/kernel/index.ts';
import { look, type Said } from '../api.ts';
import { serverNow, session } from '../store.ts';
import { Act } from './act.tsx';
import { duration, Mark, Trouble } from './bits.tsx';
import { Table } from './table.tsx';

interface Snapshot {
  id: string;
  at: number;
  from: string;
  kind: string;
  is: string;
  keys?: number;
  size: number;
  step?: string;
  why?: string;
}

const KIB = 1024;
const size = (bytes: number): string =>
  bytes >= KIB * KIB ? `${(bytes / KIB / KIB).toFixed(1)} MiB` : `${Math.ceil(bytes / KIB)} KiB`;

interface Of {
  app: string;
  of: Snapshot;
  done: (said: Said) => void;
}

function Restore({ app, of: s, done }: Of) {
  const fleet = session.value?.fleet ?? 'yes';
  const age = duration(serverNow.value - s.at);
  return (
    <Act
      verb="state restore"
      args={{ app, snapshot: s.id, yes: true, confirm: fleet }}
      label={`Restore ${s.id}`}
      short="Restore"
      command={`tw state restore ${s.id} --app ${app} --confirm=${fleet}`}
      kind="forward"
      brief
      typed={fleet}
      changes={[{ cluster: `state of ${app}`, from: 'as it is now', to: `as it was ${age} ago` }]}
      note="Writes after it are given up; what is there now is kept as another snapshot."
      denied={s.is === 'failed' ? 'it does not count' : undefined}
      onSaid={done}
    />
  );
}

const toneOf = (s: Snapshot): Tone => (s.is === 'failed' ? 'bad' : s.kind === 'salvage' ? 'off' : 'ok');

function Row(p: Of) {
  const s = p.of;
  return (
    <tr>
      <th scope="row">
        <Mark tone={toneOf(s)} /> {s.id}
        {s.why !== undefined && (
          <div class="why">
            {s.step}: {s.why}
          </div>
        )}
      </th>
      <td class="brief">{duration(serverNow.value - s.at)}</td>
      <td>{s.kind === 'salvage' ? 'salvage' : s.is}</td>
      <td>{s.from}</td>
      <td>
        {s.keys === undefined ? '' : `${s.keys} keys, `}
        {size(s.size)}
      </td>
      <td>
        <Restore {...p} />
      </td>
    </tr>
  );
}

/** Snapshots of one app, the newest first: take one, or put one back. */
export function Snapshots({ app, last }: { app: string; last: number | undefined }) {
  const all = useSignal<Snapshot[] | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const load = (): void => {
    void look('state backups', { app }).then((s) => {
      problem.value = s.is === 'running' ? undefined : s.problem;
      if (s.is === 'done') all.value = (s.data as { snapshots: Snapshot[] }).snapshots;
    });
  };
  useEffect(load, [app, last]);
  return (
    <>
      <h3>Snapshots</h3>
      <div class="buttons">
        <Act
          verb="state backup"
          args={{ app }}
          label="Take a snapshot"
          command={`tw state backup ${app}`}
          kind="safe"
          tone="forward"
          note="It is loaded in a throw-away Redis before it counts."
          onSaid={load}
        />
        <span class="muted">
          {last === undefined ? 'None counts yet.' : `The last that counts is ${duration(serverNow.value - last)} old.`}
        </span>
      </div>
      {problem.value !== undefined && <Trouble problem={problem.value} />}
      {all.value !== undefined && all.value.length > 0 && (
        <Table label={`Snapshots of ${app}`} heads={['snapshot', 'age', 'is', 'from', 'size', 'act']}>
          {all.value.map((s) => (
            <Row key={s.id} app={app} of={s} done={load} />
          ))}
        </Table>
      )}
    </>
  );
}
