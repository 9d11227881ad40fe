import { useSignal } from '@preact/signals';
import { connection, me, releases, serverNow } from '../store.ts';
import { duration } from './bits.tsx';
import { ConfigTag } from './config-alarm.tsx';
import { LineStrip } from './line.tsx';
import { isOpenRelease, RollBack } from './release-acts.tsx';

function Theme() {
  const chosen = useSignal(document.documentElement.dataset['theme'] ?? 'system');
  const choose = (to: string): void => {
    chosen.value = to;
    if (to === 'system') {
      delete document.documentElement.dataset['theme'];
      localStorage.removeItem('tw-theme');
    } else {
      document.documentElement.dataset['theme'] = to;
      localStorage.setItem('tw-theme', to);
    }
  };
  return (
    <label class="theme">
      <span class="unseen">Theme</span>
      <select value={chosen.value} onChange={(e) => choose(e.currentTarget.value)}>
        <option value="system">system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  );
}

const WORD = { connecting: 'connecting', live: 'live', lost: 'reconnecting' } as const;

function Connection() {
  const age = serverNow.value - releases.value.at;
  const old = connection.value === 'lost' && releases.value.at > 0 ? `, data ${duration(age)} old` : '';
  return (
    <span class={`connection ${connection.value}`} role="status">
      {WORD[connection.value]}
      {old}
    </span>
  );
}

export function TopBar() {
  const info = typeof me.value === 'object' ? me.value : undefined;
  const open = (releases.value.data?.apps ?? []).filter((a) => isOpenRelease(a.release));
  return (
    <header class="top">
      <span class="brand">
        <img src="/icon.svg" alt="" width="22" height="22" /> Tradewind
      </span>
      <span class="fleet">
        {info?.fleet ?? 'no config'}
        {info?.sandbox === true && <span class="tag">sandbox</span>}
        <ConfigTag />
      </span>
      <span class="gap" />
      {open.map((a) =>
        a.release === null ? null : (
          <span class="alarm" key={a.app}>
            {a.app}@{a.release.green} <RollBack of={a} brief />
          </span>
        ),
      )}
      <Connection />
      <Theme />
      <LineStrip />
    </header>
  );
}
