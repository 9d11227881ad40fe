import { useSignal } from '@preact/signals';
import { signIn } from '../api.ts';
import { refreshMe } from '../store.ts';

export function SignIn() {
  const secret = useSignal('');
  const refused = useSignal('');
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    refused.value = (await signIn(secret.value.trim()).catch(() => 'the server does not answer')) ?? '';
    if (refused.value === '') await refreshMe();
  };
  return (
    <main class="signin">
      <h1>Tradewind</h1>
      <p>
        Type <code>tw dashboard</code> where the server runs: it prints an address that signs this browser in. Or paste
        a token.
      </p>
      <form onSubmit={(e) => void send(e)}>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            value={secret.value}
            onInput={(e) => (secret.value = e.currentTarget.value)}
          />
        </label>
        <button type="submit" class="forward strong">
          Sign in
        </button>
      </form>
      {refused.value !== '' && (
        <p class="trouble" role="alert">
          {refused.value}
        </p>
      )}
    </main>
  );
}
