import { signOut } from '../api.ts';
import { Barriers } from '../parts/barriers.tsx';
import { Card } from '../parts/bits.tsx';
import { People } from '../parts/people.tsx';
import { Tokens } from '../parts/tokens.tsx';
import { refreshMe, session } from '../store.ts';

function SignIn() {
  const { allowed, name, role, until } = session.value ?? { allowed: null, name: '', role: 'look', until: 0 };
  const person = allowed?.person ?? null;
  return (
    <Card title="This sign-in">
      <p>
        {person === null ? name : `${person} (${name})`}, role <strong>{role}</strong>, until{' '}
        {new Date(until).toLocaleString()}
      </p>
      <div class="buttons">
        <button type="button" onClick={() => void signOut().then(refreshMe)}>
          Sign out
        </button>
      </div>
    </Card>
  );
}

function About() {
  const { version, fleet } = session.value ?? {};
  return (
    <Card title="About">
      <p>
        Tradewind {version}, fleet {fleet ?? 'none'}. API: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>,{' '}
        <a href="/metrics">metrics</a>.
      </p>
    </Card>
  );
}

/** Who may do what? */
export function Settings() {
  return (
    <>
      <h1>Settings</h1>
      <Barriers />
      <People />
      <Tokens />
      <div class="cards">
        <SignIn />
        <About />
      </div>
    </>
  );
}
