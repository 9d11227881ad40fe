import type { AccessNow } from '../../../src/commands/index.ts';
import { access, serverNow, session } from '../store.ts';
import { Act, type ActProps, type Field, flag } from './act.tsx';
import { Card, duration, Mark, timeOf, Waiting } from './bits.tsx';
import { Table } from './table.tsx';

type Barrier = AccessNow['barriers'][number];

const because: Field = { name: 'because', label: 'Why', initial: 'set on the dashboard', needed: true };
const span = (initial: string): Field => ({
  name: 'for',
  label: 'For how long, such as 30m or 2h',
  initial,
  placeholder: 'until it is lifted',
});
function places(): Field[] {
  const { apps = [], clusters = [] } = session.value ?? {};
  return [
    { name: 'app', label: 'App', options: ['', ...apps], none: 'everything' },
    { name: 'on', label: 'Cluster', options: ['', ...clusters], none: 'everywhere', list: true },
  ];
}
const line =
  (verb: string): ((v: Readonly<Record<string, string>>) => string) =>
  (v) =>
    `tw ${verb}${(v['app'] ?? '') === '' ? '' : ` ${v['app']}`}${flag('on', v['on'])}${flag('because', v['because'])}${flag('for', v['for'])}`;

type Raised = Pick<ActProps, 'verb' | 'label' | 'kind' | 'note'> & { ends?: string };
function Raise({ ends, ...p }: Raised) {
  const fields = [...places(), because, ...(ends === undefined ? [] : [span(ends)])];
  return <Act {...p} args={{}} command={line(p.verb)} fields={fields} on={{ app: null, some: true }} />;
}

function whoBreaks(b: Barrier): string {
  if (b.kind === 'lock') return 'its owner goes on; pause, abort, rollback and drain pass';
  if (b.breakers === null) return 'whoever is at this machine passes it with --break-glass';
  return b.breakers.length === 0 ? 'nobody has the right to break it' : `with --break-glass: ${b.breakers.join(', ')}`;
}

function Row({ of: b }: { of: Barrier }) {
  const end = b.kind === 'freeze' ? 'unfreeze' : 'unlock';
  const ends = b.calendar || b.until === null ? b.ends : new Date(b.until).toLocaleString();
  const until = b.until === null ? 'when it is lifted' : `${ends}, in ${duration(b.until - serverNow.value)}`;
  return (
    <tr>
      <th scope="row">
        <Mark tone={b.kind === 'freeze' ? 'bad' : 'warn'} /> {b.kind} {b.id}
        <div class="muted">{b.reach}</div>
      </th>
      <td>
        {b.by} <div class="muted">{b.because}</div>
      </td>
      <td class="brief">{duration(serverNow.value - b.at)}</td>
      <td>{until}</td>
      <td>{whoBreaks(b)}</td>
      <td>
        {b.calendar ? (
          <span class="muted">it is in the config</span>
        ) : (
          <Act
            verb={end}
            args={{ id: b.id }}
            label={`${b.kind === 'freeze' ? 'Unfreeze' : 'Unlock'} ${b.id}`}
            command={`tw ${end} ${b.id}`}
            kind="rule"
            changes={[{ cluster: b.reach, from: `${b.kind} by ${b.by}`, to: 'what goes forward may go on' }]}
          />
        )}
      </td>
    </tr>
  );
}

function Calendar({ of }: { of: AccessNow['calendar'] }) {
  if (of.length === 0) return null;
  return (
    <>
      <h3>Calendar of the config</h3>
      <Table label="Calendar" heads={['freeze', 'when', 'of', 'why', 'now']}>
        {of.map((f) => (
          <tr key={f.name}>
            <th scope="row">{f.name}</th>
            <td>{f.says}</td>
            <td>{f.reach}</td>
            <td>{f.because}</td>
            <td>
              <Mark tone={f.holds ? 'bad' : 'off'} /> {f.holds ? 'holds' : 'does not hold'}
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

function Incidents({ of }: { of: AccessNow['incidents'] }) {
  return (
    <ul class="plain">
      {of.map((i) => (
        <li key={i.id}>
          <Mark tone="bad" /> incident {i.id} by {i.by} since {timeOf(i.at)}: {i.because}{' '}
          <Act
            verb="incident end"
            args={{ id: i.id }}
            label={`End ${i.id}`}
            command={`tw incident end ${i.id}`}
            kind="rule"
            note={i.freeze === null ? 'Its timeline is printed.' : `Its freeze ${i.freeze} is lifted with it.`}
          />
        </li>
      ))}
    </ul>
  );
}

/** What lets nothing go forward now, who set it, who may pass it and who may lift it. */
export function Barriers() {
  const seen = access.value;
  const d = seen.data;
  return (
    <Card title="Freezes, locks and incidents" seen={seen} wide>
      {d === undefined && <Waiting seen={seen} />}
      {d?.barriers.length === 0 && <p class="muted">Nothing is frozen and nothing is locked.</p>}
      {d !== undefined && d.barriers.length > 0 && (
        <Table label="Freezes and locks" heads={['what', 'by', 'for', 'ends', 'who passes', 'end it']}>
          {d.barriers.map((b) => (
            <Row key={b.id} of={b} />
          ))}
        </Table>
      )}
      <Incidents of={d?.incidents ?? []} />
      <div class="buttons">
        <Raise
          verb="freeze"
          label="Freeze"
          kind="safe"
          ends=""
          note="Nothing goes forward until it is lifted; pause, abort, rollback and drain still work."
        />
        <Raise
          verb="incident start"
          label="Start an incident"
          kind="safe"
          note="Freezes, and begins a timeline of what is done."
        />
        <Raise verb="lock" label="Lock" kind="rule" ends="4h" note="Only you go forward there until it ends." />
      </div>
      <Calendar of={d?.calendar ?? []} />
    </Card>
  );
}
