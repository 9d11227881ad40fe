import { computed, signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Topic } from '../../src/server/model.ts';
import { WorldMap } from './pages/map.tsx';
import { SignIn } from './pages/signin.tsx';
import { ChatAlarm } from './parts/chat-alarm.tsx';
import { ConfigAlarm } from './parts/config-alarm.tsx';
import { Running } from './parts/running.tsx';
import { TopBar } from './parts/topbar.tsx';
import { go, part, path } from './route.ts';
import { approvals, connection, follow, me, spoken } from './store.ts';

interface Page {
  path: string;
  name: string;
  topics: readonly Topic[];
  show: ComponentType;
}
const ALWAYS: readonly Topic[] = ['releases', 'runs', 'line', 'approvals', 'config'];
/** These come with files of their own, when they are looked at. */
const Fleet = later('Fleet', async () => (await import('./pages/fleet.tsx')).Fleet);
const Releases = later('Releases', async () => (await import('./pages/releases.tsx')).Releases);
const Traffic = later('Traffic', async () => (await import('./pages/traffic.tsx')).Traffic);
const State = later('State', async () => (await import('./pages/state.tsx')).State);
const PlanPage = later('Plan', async () => (await import('./pages/plan.tsx')).PlanPage);
const History = later('History', async () => (await import('./pages/history.tsx')).History);
const Settings = later('Settings', async () => (await import('./pages/settings.tsx')).Settings);
const PAGES: readonly Page[] = [
  { path: '/', name: 'Map', topics: ['map', ...ALWAYS], show: WorldMap },
  { path: '/fleet', name: 'Fleet', topics: ['fleet', ...ALWAYS], show: Fleet },
  { path: '/releases', name: 'Releases', topics: ALWAYS, show: Releases },
  { path: '/traffic', name: 'Traffic', topics: ['map', ...ALWAYS], show: Traffic },
  { path: '/state', name: 'State', topics: ['state', ...ALWAYS], show: State },
  { path: '/plan', name: 'Plan', topics: ALWAYS, show: PlanPage },
  { path: '/history', name: 'History', topics: ALWAYS, show: History },
  { path: '/settings', name: 'Settings', topics: ['access', ...ALWAYS], show: Settings },
];

const Lab = later('Chat lab', async () => (await import('./pages/lab.tsx')).Lab);
const LAB: Page = { path: '/lab', name: 'Lab', topics: ['lab', ...ALWAYS], show: Lab };

function later(title: string, load: () => Promise<ComponentType>): ComponentType {
  const found = signal<{ show: ComponentType } | undefined>(undefined);
  const failed = signal(false);
  const begin = (): void => {
    failed.value = false;
    load().then(
      (show) => (found.value = { show }),
      () => (failed.value = true),
    );
  };
  return () => {
    useEffect(() => {
      if (found.value === undefined) begin();
      // Looked for again when the server is back.
    }, [connection.value]);
    const Show = found.value?.show;
    // What was asked for may be on a page that was not here yet.
    useEffect(() => document.getElementById(Show === undefined ? '' : part.value)?.focus(), [Show]);
    if (Show !== undefined) return <Show />;
    return (
      <>
        <h1>{title}</h1>
        {failed.value && (
          <p class="trouble" role="alert">
            This page is not here: the server does not answer, or it has a newer dashboard.{' '}
            <button type="button" onClick={() => location.reload()}>
              Load it anew
            </button>
          </p>
        )}
      </>
    );
  };
}

const page = computed(() => [...PAGES, LAB].find((p) => p.path === path.value) ?? (PAGES[0] as Page));
/** The lab is there for whom it is open, and for whoever asks why not. */
const pages = computed(() =>
  page.value === LAB || (typeof me.value === 'object' && me.value.lab) ? [...PAGES, LAB] : PAGES,
);

/** 1 to 8, and 9 for the lab, open the pages, for those who do not leave the keyboard. */
function onKey(e: KeyboardEvent): void {
  const typing = e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement;
  if (typing || e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]') !== null) return;
  const wanted = pages.value[Number(e.key) - 1];
  if (wanted !== undefined) go(wanted.path);
}

/** Whoever pressed a button whose row is gone then goes on at the content, not at the top of the page. */
function onLost(e: FocusEvent): void {
  const { target } = e;
  setTimeout(() => {
    const gone = target instanceof Node && !target.isConnected && document.activeElement === document.body;
    if (gone) document.getElementById('main')?.focus();
  });
}

/** How many questions wait on the page where they are answered. */
function Open() {
  const open = approvals.value.data?.approvals.filter((a) => a.state === 'open').length ?? 0;
  if (open === 0) return null;
  return (
    <span class="tag">
      {open} <span class="unseen">waiting for approval</span>
    </span>
  );
}

function Nav() {
  return (
    <nav aria-label="Pages">
      {pages.value.map((p, i) => (
        <a
          key={p.path}
          href={p.path}
          aria-current={page.value === p ? 'page' : undefined}
          onClick={(e) => {
            if (e.ctrlKey || e.metaKey || e.shiftKey) return;
            e.preventDefault();
            go(p.path);
          }}
        >
          {p.name} {p.show === PlanPage && <Open />} <kbd aria-hidden="true">{i + 1}</kbd>
        </a>
      ))}
    </nav>
  );
}

export function App() {
  const { show: Show, topics, name } = page.value;
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    document.addEventListener('focusout', onLost);
    return () => {
      document.removeEventListener('keydown', onKey);
      document.removeEventListener('focusout', onLost);
    };
  }, []);
  useEffect(() => {
    document.title = `${name} · Tradewind`;
    follow(topics);
    document.querySelector('nav [aria-current]')?.scrollIntoView({ inline: 'center', block: 'nearest' });
    // The pages are there once it is known who looks.
  }, [name, typeof me.value]);
  if (me.value === 'unknown') return <p class="center">Connecting…</p>;
  if (me.value === undefined) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <TopBar />
      <ConfigAlarm />
      <ChatAlarm />
      <div class="body">
        <Nav />
        <main id="main" tabIndex={-1}>
          <Show />
        </main>
      </div>
      <Running />
      <p class="unseen" role="status" aria-live="polite">
        {spoken}
      </p>
    </>
  );
}
