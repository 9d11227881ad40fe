import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Problem } from '../../../src/kernel/index.ts';
import { act, look, signOut } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Card, Mark, Trouble } from '../parts/bits.tsx';
import { me, offline, refreshMe, serverNow } from '../store.ts';

interface Token {
  id: string;
  name: string;
  role: string;
  createdAt: number;
  expiresAt: number;
  token?: string;
}

const ROLES = ['look', 'operate', 'admin'] as const;

function NewToken({ done }: { done: () => void }) {
  const name = useSignal('');
  const role = useSignal<string>('look');
  const made = useSignal<Token | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const make = async (e: Event): Promise<void> => {
    e.preventDefault();
    const said = await act('token create', { name: name.value, role: role.value });
    made.value = said.is === 'done' ? (said.data as Token) : undefined;
    problem.value = said.is === 'no' ? said.problem : undefined;
    done();
  };
  return (
    <form class="begin" onSubmit={(e) => void make(e)}>
      <label>
        What for <input required value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} />
      </label>
      <label>
        Role{' '}
        <select value={role.value} onChange={(e) => (role.value = e.currentTarget.value)}>
          {ROLES.map((r) => (
            <option key={r}>{r}</option>
          ))}
        </select>
      </label>
      <button type="submit" disabled={offline.value !== undefined} title={offline.value}>
        Make a token
      </button>
      {made.value?.token !== undefined && (
        <p class="secret" role="status">
          Shown once: <code>{made.value.token}</code>
        </p>
      )}
      {problem.value !== undefined && <Trouble problem={problem.value} />}
    </form>
  );
}

function TokenTable({ tokens, done }: { tokens: readonly Token[]; done: () => void }) {
  if (tokens.length === 0) return <p class="muted">No token has been made.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">token</th>
          <th scope="col">role</th>
          <th scope="col">expires</th>
          <th scope="col">end it</th>
        </tr>
      </thead>
      <tbody>
        {tokens.map((t) => (
          <tr key={t.id}>
            <th scope="row">
              <Mark tone={t.expiresAt > serverNow.value ? 'ok' : 'off'} /> {t.name} <span class="muted">{t.id}</span>
            </th>
            <td>{t.role}</td>
            <td>{new Date(t.expiresAt).toLocaleDateString()}</td>
            <td>
              <Act
                verb="token revoke"
                args={{ id: t.id }}
                label="Revoke"
                command={`tw token revoke ${t.id}`}
                kind="rule"
                onSaid={done}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Who may do what? */
export function Settings() {
  const tokens = useSignal<Token[]>([]);
  const load = (): void => {
    void look('token list').then((s) => {
      if (s.is === 'done') tokens.value = (s.data as { tokens: Token[] }).tokens;
    });
  };
  useEffect(load, []);
  const info = typeof me.value === 'object' ? me.value : undefined;
  return (
    <>
      <h1>Settings</h1>
      <Card title="This sign-in">
        <p>
          {info?.name}, role <strong>{info?.role}</strong>, until {new Date(info?.until ?? 0).toLocaleString()}
        </p>
        <div class="buttons">
          <button type="button" onClick={() => void signOut().then(refreshMe)}>
            Sign out
          </button>
        </div>
      </Card>
      <Card title="Tokens of the HTTP API" wide>
        <TokenTable tokens={tokens.value} done={load} />
        <NewToken done={load} />
      </Card>
      <Card title="About">
        <p>
          Tradewind {info?.version}, fleet {info?.fleet ?? 'none'}. API: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>,{' '}
          <a href="/metrics">metrics</a>.
        </p>
      </Card>
    </>
  );
}
