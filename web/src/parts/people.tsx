import type { AccessNow } from '../../../src/commands/index.ts';
import { access, session } from '../store.ts';
import { Act } from './act.tsx';
import { Card, Mark, Waiting } from './bits.tsx';
import { Table } from './table.tsx';

type Known = NonNullable<AccessNow['people']>[number];

function Account({ account, linked }: { account: string; linked: boolean }) {
  return (
    <li>
      <code>{account}</code> <span class="muted">{linked ? 'linked' : 'in the config'}</span>
      {linked && (
        <Act
          verb="unlink"
          args={{ account }}
          label={`Unlink ${account}`}
          command={`tw unlink ${account}`}
          kind="rule"
          tone="safe"
          note="Commands from this account are refused until it is linked again."
        />
      )}
    </li>
  );
}

function Row({ of: p }: { of: Known }) {
  const you = session.value?.allowed?.person === p.name;
  return (
    <tr>
      <th scope="row">
        <Mark tone={p.rights.length === 0 ? 'off' : 'ok'} /> {p.name} {you && <span class="tag">you</span>}
        <div class="muted">{p.groups.join(', ')}</div>
      </th>
      <td>
        <ul class="plain">
          {p.rights.map((r) => (
            <li key={r}>{r}</li>
          ))}
          {p.rights.length === 0 && <li class="muted">no right at all</li>}
        </ul>
      </td>
      <td>
        <ul class="plain">
          {p.accounts.map((a) => (
            <Account key={a} account={a} linked={p.linked.includes(a)} />
          ))}
        </ul>
      </td>
    </tr>
  );
}

/** Persons of the fleet, what they may do, and by which accounts they are known. */
export function People() {
  const seen = access.value;
  const people = seen.data?.people;
  return (
    <Card title="People" seen={seen} wide>
      {people === undefined && <Waiting seen={seen} />}
      {people === null && (
        <p class="muted">
          The config names nobody (<code>people</code>, <code>rights</code>): whoever is at this machine may do
          everything, and a token what its role says.
        </p>
      )}
      {people != null && (
        <>
          <Table label="People" heads={['person', 'may', 'accounts']}>
            {people.map((p) => (
              <Row key={p.name} of={p} />
            ))}
          </Table>
          <p class="muted">
            Rights are in the config. Who may do a thing, and why not: <code>tw who release guestbook</code>. To link an
            account of a chat: <code>tw link</code> in a terminal shows a code, and the code is typed in the chat.
          </p>
        </>
      )}
    </Card>
  );
}
