import { useSignal } from '@preact/signals';
import type { AccessNow } from '../../../src/commands/index.ts';
import type { Said } from '../api.ts';
import { access, serverNow } from '../store.ts';
import { Act, flag, word } from './act.tsx';
import { Card, duration, Mark, Waiting } from './bits.tsx';
import { Table } from './table.tsx';

type Token = AccessNow['tokens'][number];
const ROLES = ['look', 'operate', 'admin'] as const;
const NEW = [
  { name: 'name', label: 'What it is for', needed: true, placeholder: 'ci' },
  { name: 'role', label: 'Role', options: ROLES, initial: 'look' },
  { name: 'days', label: 'Days until it expires', initial: '90', number: true, needed: true },
] as const;

const ago = (at: number | null): string => (at === null ? 'never' : `${duration(serverNow.value - at)} ago`);
const dayOf = (at: number): string => new Date(at).toLocaleDateString();

function Row({ of: t }: { of: Token }) {
  const over = t.expiresAt <= serverNow.value;
  return (
    <tr>
      <th scope="row">
        <Mark tone={over ? 'off' : 'ok'} /> {t.name} <span class="muted">{t.id}</span>
      </th>
      <td class="brief">{t.prefix === null ? '' : <code>{t.prefix}…</code>}</td>
      <td>{t.role}</td>
      <td>{dayOf(t.createdAt)}</td>
      <td>{ago(t.usedAt)}</td>
      <td>{over ? `expired ${dayOf(t.expiresAt)}` : dayOf(t.expiresAt)}</td>
      <td>
        <Act
          verb="token revoke"
          args={{ id: t.id }}
          label={`Revoke ${t.id}`}
          command={`tw token revoke ${t.id}`}
          kind="rule"
          tone="safe"
          note={`Whoever has ${t.name} is signed out at once, also in browsers. There is no way back but a new token.`}
        />
      </td>
    </tr>
  );
}

/** Who may use the HTTP API, with what, and when they last did. */
export function Tokens() {
  const made = useSignal<string | undefined>(undefined);
  const seen = access.value;
  const tell = (s: Said): void => {
    if (s.is === 'done') made.value = (s.data as { token: string }).token;
  };
  return (
    <Card title="Tokens of the HTTP API" seen={seen} wide>
      {seen.data === undefined ? (
        <Waiting seen={seen} />
      ) : seen.data.tokens.length === 0 ? (
        <p class="muted">No token has been made: only browsers on this machine are signed in.</p>
      ) : (
        <Table label="Tokens" heads={['token', 'begins', 'role', 'made', 'last use', 'expires', 'end it']}>
          {seen.data.tokens.map((t) => (
            <Row key={t.id} of={t} />
          ))}
        </Table>
      )}
      <div class="buttons">
        <Act
          verb="token create"
          args={{}}
          label="Make a token"
          command={(v) =>
            `tw token create ${word(v['name'] || '<name>')}${flag('role', v['role'])}${flag('days', v['days'])}`
          }
          kind="rule"
          fields={NEW}
          onSaid={tell}
        />
      </div>
      {made.value !== undefined && (
        <p class="secret" role="status">
          Shown once: <code>{made}</code>{' '}
          <button type="button" onClick={() => (made.value = undefined)}>
            I have it
          </button>
        </p>
      )}
    </Card>
  );
}
