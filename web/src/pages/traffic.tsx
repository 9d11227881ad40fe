import { useSignal } from '@preact/signals';
import type { Problem } from '../../../src/kernel/index.ts';
import { look } from '../api.ts';
import { Card, Mark, Trouble } from '../parts/bits.tsx';
import { Holds } from '../parts/holds.tsx';
import { Intents, Measured, Nameservers } from '../parts/measured.tsx';
import { Table } from '../parts/table.tsx';
import { WhatIf } from '../parts/what-if.tsx';
import { map } from '../store.ts';

interface Candidate {
  cluster: string;
  share: number;
  out?: { stage: string; say: string };
  pardoned: { stage: string; say: string }[];
  rtt?: { ms: number; from: string; samples: number };
}
interface WhyData {
  chosen: string | null;
  candidates: Candidate[];
  lines: string[];
  servers: { cluster: string; ip: string; agrees: boolean; say: string }[];
  snapshot: { term: number; seq: number };
  query: { source: string; name: string };
}

function reasonOf(c: Candidate, chosen: string | null): string {
  if (c.out !== undefined) return `${c.out.stage}: ${c.out.say}`;
  const pardoned = c.pardoned.map((p) => `although ${p.stage}: ${p.say}`).join('; ');
  const base =
    c.cluster === chosen ? 'serves this user' : c.share > 0 ? 'shares these users' : 'another one ranks better';
  return pardoned === '' ? base : `${base}, ${pardoned}`;
}

function Answer({ w }: { w: WhyData }) {
  return (
    <>
      <p class="title">
        {w.query.source} asks for {w.query.name}: <strong>{w.chosen ?? 'nobody'}</strong>
      </p>
      <Table label="Candidates" heads={['cluster', 'share', 'round trip', 'why']}>
        {w.candidates.map((c) => (
          <tr key={c.cluster}>
            <th scope="row">
              <Mark tone={c.out !== undefined ? 'bad' : c.cluster === w.chosen ? 'ok' : 'off'} /> {c.cluster}
            </th>
            <td>{Math.round(c.share * 100)} %</td>
            <td>{c.rtt === undefined ? '?' : `${Math.round(c.rtt.ms)} ms (${c.rtt.from})`}</td>
            <td>{reasonOf(c, w.chosen)}</td>
          </tr>
        ))}
      </Table>
      <h3>Predicted against answered</h3>
      <ul class="plain">
        {w.servers.map((s) => (
          <li key={s.cluster}>
            <Mark tone={s.agrees ? 'ok' : 'warn'} /> nameserver {s.cluster} ({s.ip}) answers {s.say}
          </li>
        ))}
      </ul>
    </>
  );
}

/** An address inside of a prefix, to ask for. */
const example = (prefix: string): string => prefix.replace(/0\/24$/, '2').replace(/\/.*$/, '');

function Question({ ask, asking }: { ask: (address: string) => void; asking: boolean }) {
  const ip = useSignal('');
  const cells = map.value.data?.hosts[0]?.cells ?? [];
  const send = (address: string): void => {
    ip.value = address;
    ask(address);
  };
  return (
    <>
      <form
        class="begin"
        onSubmit={(e) => {
          e.preventDefault();
          send(ip.value);
        }}
      >
        <label>
          Address of a user or resolver{' '}
          <input
            required
            value={ip.value}
            placeholder="198.19.101.2"
            onInput={(e) => (ip.value = e.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={asking}>
          {asking ? 'Asking…' : 'Why?'}
        </button>
        {cells.slice(0, 8).map((c) => (
          <button type="button" key={c.prefix} onClick={() => send(example(c.prefix))}>
            users {c.prefix}
          </button>
        ))}
      </form>
      <p class="muted">
        The same in a terminal: <code>tw why {ip.value === '' ? '<address>' : ip.value}</code>
      </p>
    </>
  );
}

/** Why does this user land there? */
export function Traffic() {
  const found = useSignal<WhyData | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const asking = useSignal(false);
  const ask = async (address: string): Promise<void> => {
    asking.value = true;
    const said = await look('why', { ip: address.trim() });
    asking.value = false;
    found.value = said.is === 'done' ? (said.data as WhyData) : undefined;
    problem.value = said.is === 'no' ? said.problem : undefined;
  };
  return (
    <>
      <h1>Traffic</h1>
      <Card title="Why does a user land where they land?" wide>
        <Question ask={(a) => void ask(a)} asking={asking.value} />
        {problem.value !== undefined && <Trouble problem={problem.value} />}
        {found.value !== undefined && <Answer w={found.value} />}
      </Card>
      <div class="cards">
        <Intents />
        <Nameservers />
        <Holds />
      </div>
      <WhatIf />
      <Measured />
    </>
  );
}
