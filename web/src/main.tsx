import { render } from 'preact';
import { signIn } from './api.ts';
import { App } from './app.tsx';
import { refreshMe } from './store.ts';
import './style.css';

/** A one-time code in the address signs in, and leaves the address before anybody can copy it. */
async function begin(): Promise<void> {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  if (code !== undefined) {
    history.replaceState(null, '', location.pathname);
    await signIn(code).catch(() => undefined);
  }
  await refreshMe();
}

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
void begin();
