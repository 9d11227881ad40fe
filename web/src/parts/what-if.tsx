import { useSignal } from '@preact/signals';
import type { Problem } from '../../../src/kernel/index.ts';
import { look } from '../api.ts';
import { map, session } from '../store.ts';
import type { Cell, MapData } from '../types.ts';
import { Command, flag } from './act.tsx';
import { Card, Mark, Trouble } from './bits.tsx';
import { Table } from './table.tsx';

const servedBy = (c: Cell | undefined): string =>
  c === undefined || c.to.length === 0
    ? 'nobody'
    : c.to.map((t) => (t.share === 1 ? t.cluster : `${t.cluster} ${Math.round(t.share * 100)} %`)).join(', ');

/** Round trip over the shares; undefined: it is not known of one of them. */
function rttOf(c: Cell | undefined): number | undefined {
  const all = c?.to ?? [];
  if (all.length === 0 || all.some((t) => t.rttMs === undefined)) return undefined;
  return all.reduce((sum, t) => sum + t.share * (t.rttMs ?? 0), 0);
}

function Moved({ now, then, host }: { now: MapData; then: MapData; host: string }) {
  const cellsOf = (d: MapData): Cell[] => d.hosts.find((h) => h.host === host)?.cells ?? [];
  const moved = cellsOf(now).flatMap((a) => {
    const b = cellsOf(then).find((c) => c.prefix === a.prefix);
    return servedBy(a) === servedBy(b) ? [] : [{ a, b }];
  });
  const stay = cellsOf(now).length - moved.length;
  return (
    <>
      <p>
        {host}: {moved.length} groups of users move, {stay} stay where they are.
      </p>
      {moved.length > 0 && (
        <Table label={`Users of ${host} that move`} heads={['users', 'from', 'to', 'round trip']}>
          {moved.map(({ a, b }) => {
            const [from, to] = [rttOf(a), rttOf(b)];
            return (
              <tr key={a.prefix}>
                <th scope="row">
                  <Mark tone={servedBy(b) === 'nobody' ? 'bad' : 'warn'} /> {a.prefix}
                </th>
                <td>{servedBy(a)}</td>
                <td>{servedBy(b)}</td>
                <td>
                  {from === undefined ? '?' : `${Math.round(from)} ms`} →{' '}
                  {to === undefined ? '?' : `${Math.round(to)} ms`}
                </td>
              </tr>
            );
          })}
        </Table>
      )}
    </>
  );
}

/** Who would serve whom, were a cluster drained; nothing is done. */
export function WhatIf() {
  const clusters = session.value?.clusters ?? [];
  const chosen = useSignal('');
  const without = chosen.value === '' ? (clusters[0] ?? '') : chosen.value;
  const found = useSignal<{ of: string; data: MapData } | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const asking = useSignal(false);
  const ask = async (): Promise<void> => {
    asking.value = true;
    const said = await look('map', { without });
    asking.value = false;
    found.value = said.is === 'done' ? { of: without, data: said.data as MapData } : undefined;
    problem.value = said.is === 'no' ? said.problem : undefined;
  };
  const now = map.value.data;
  return (
    <Card title="What if a cluster is drained?" wide>
      <form
        class="begin"
        onSubmit={(e) => {
          e.preventDefault();
          void ask();
        }}
      >
        <label>
          Without{' '}
          <select value={without} onChange={(e) => (chosen.value = e.currentTarget.value)}>
            {clusters.map((c) => (
              <option key={c}>{c}</option>
            ))}
          </select>
        </label>
        <button type="submit" disabled={asking.value || without === ''}>
          {asking.value ? 'Working it out…' : 'What if?'}
        </button>
        <Command line={`tw map${flag('without', without)}`} />
      </form>
      {problem.value !== undefined && <Trouble problem={problem.value} />}
      {found.value !== undefined && now !== undefined && (
        <>
          <p class="title">Without {found.value.of}</p>
          {now.hosts.map((h) => (
            <Moved key={h.host} now={now} then={found.value?.data ?? now} host={h.host} />
          ))}
        </>
      )}
    </Card>
  );
}
