import { computed, type Signal, signal } from '@preact/signals';
import type { LabView } from '../../src/chat/index.ts';
import type { AccessNow } from '../../src/commands/index.ts';
import type { Problem } from '../../src/kernel/index.ts';
import type { ConfigState, SessionInfo, Topic, TopicView } from '../../src/server/model.ts';
import { session as askSession } from './api.ts';
import type { ApprovalsData, FleetData, LineData, MapData, ReleasesData, RunsData, StateData } from './types.ts';

export interface Seen<T> {
  data: T | undefined;
  /** Unix milliseconds of the look. */
  at: number;
  problem: Problem | undefined;
}
const nothing = { data: undefined, at: 0, problem: undefined };

export const fleet = signal<Seen<FleetData>>(nothing);
export const map = signal<Seen<MapData>>(nothing);
export const state = signal<Seen<StateData>>(nothing);
export const access = signal<Seen<AccessNow>>(nothing);
export const releases = signal<Seen<ReleasesData>>(nothing);
export const runs = signal<Seen<RunsData>>(nothing);
export const line = signal<Seen<LineData>>(nothing);
export const approvals = signal<Seen<ApprovalsData>>(nothing);
export const config = signal<Seen<ConfigState>>(nothing);
export const lab = signal<Seen<LabView>>(nothing);
export const me = signal<SessionInfo | undefined | 'unknown'>('unknown');
export const connection = signal<'connecting' | 'live' | 'lost'>('connecting');
/** Who looks, once that is known. */
export const session = computed(() => (typeof me.value === 'object' ? me.value : undefined));
/** Why nothing can be changed now: what is on the screen may be old, and nobody would answer. */
export const offline = computed(() =>
  connection.value === 'lost' ? 'the server does not answer; this page comes back by itself' : undefined,
);
/** Moves once a second, for everything that shows an age. */
const now = signal(Date.now());
/** Difference to the server's clock: ages are told in its time. Milliseconds. */
const skew = signal(0);
export const serverNow = computed(() => now.value + skew.value);
/** Phase changes, read out to those who do not see the screen. */
export const spoken = signal('');

setInterval(() => (now.value = Date.now()), 1000);

const SIGNALS = { fleet, map, state, releases, runs, line, approvals, access, config, lab };

/** Rights come from the config: another one may give others. */
function announceConfig(before: ConfigState | null | undefined, now: ConfigState | null): void {
  if (before != null && before.id !== null && before.id !== now?.id) void refreshMe();
}

/** What is read out, or looked at again, when a topic moved. */
function announceAll({ topic, data }: TopicView, before: unknown): void {
  if (topic === 'releases') announce(data as unknown as ReleasesData);
  if (topic === 'line') announceLine(before as LineData | undefined, data as unknown as LineData);
  if (topic === 'approvals') announceApprovals(before as ApprovalsData | undefined, data as unknown as ApprovalsData);
  if (topic === 'config') announceConfig(before as ConfigState | undefined, data as unknown as ConfigState);
}

function take(v: TopicView): void {
  const target = SIGNALS[v.topic] as unknown as Signal<Seen<unknown>>;
  const old = target.value;
  if (v.data !== undefined) announceAll(v, old.data);
  const data: unknown = v.data === undefined ? old.data : v.data;
  target.value = { data, at: v.problem === undefined ? v.at : old.at, problem: v.problem };
  if (v.problem === undefined) skew.value = v.at - Date.now();
}

const phases = new Map<string, string>();
function announce(d: ReleasesData): void {
  for (const a of d.apps) {
    if (a.release === null) continue;
    const phase = `${a.release.decision} ${a.release.step}`;
    const before = phases.get(a.app);
    phases.set(a.app, phase);
    if (before !== undefined && before !== phase)
      spoken.value = `${a.app} ${a.release.green}: ${a.release.decision}, ${a.release.step}`;
  }
}

function announceChats(before: LineData, now: LineData): void {
  const has = (d: LineData, door: string): boolean => d.chats.some((c) => c.door === door);
  for (const { door } of now.chats) if (!has(before, door)) spoken.value = `chat ${door} is behind`;
  for (const { door } of before.chats) if (!has(now, door)) spoken.value = `chat ${door} is right again`;
}

/** Who begins to wait, who has its turn, who left without one; which chat is behind, and which is right again. */
function announceLine(before: LineData | undefined, now: LineData): void {
  if (before === undefined) return;
  announceChats(before, now);
  const stateOf = (d: LineData, id: string): string | undefined => d.line.find((p) => p.id === id)?.state;
  for (const p of now.line)
    if (stateOf(before, p.id) !== p.state) spoken.value = `${p.id}, tw ${p.what} by ${p.by}, ${p.state}`;
  for (const p of before.line)
    if (p.state === 'waits' && stateOf(now, p.id) === undefined) spoken.value = `${p.id}, tw ${p.what}, waits no more`;
}

function announceApprovals(before: ApprovalsData | undefined, now: ApprovalsData): void {
  if (before === undefined) return;
  for (const a of now.approvals)
    if (before.approvals.find((o) => o.id === a.id)?.state !== a.state)
      spoken.value =
        a.state === 'open' ? `${a.requester} asks for approval of tw ${a.what}` : `tw ${a.what} is approved`;
}

let source: EventSource | undefined;
let topics: readonly Topic[] = [];
let retry: ReturnType<typeof setTimeout> | undefined;

function open(): void {
  source?.close();
  clearTimeout(retry);
  if (topics.length === 0 || typeof me.value !== 'object') return;
  source = new EventSource(`/api/v1/stream?topic=${topics.join(',')}`);
  source.onopen = () => (connection.value = 'live');
  source.addEventListener('view', (e) => take(JSON.parse(e.data) as TopicView));
  source.onerror = () => {
    connection.value = 'lost';
    if (source?.readyState !== EventSource.CLOSED) return;
    // Any answer but 200 is final for the browser: look whether the sign-in still holds, and open again.
    retry = setTimeout(() => void refreshMe().then(open), 1000 + Math.random() * 2000);
  };
}

/** Follows these topics, by one stream. */
export function follow(wanted: readonly Topic[]): void {
  if (source !== undefined && wanted.join() === topics.join()) return;
  topics = wanted;
  open();
}

/** Asks who this browser is signed in as; a server that does not answer changes nothing. */
export async function refreshMe(): Promise<void> {
  try {
    me.value = await askSession();
  } catch {
    if (me.value === 'unknown') retry = setTimeout(() => void refreshMe(), 2000);
  }
}

const HIDDEN_MS = 60_000;
let hidden: ReturnType<typeof setTimeout> | undefined;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hidden);
  if (document.visibilityState === 'hidden')
    hidden = setTimeout(() => {
      source?.close();
      source = undefined;
    }, HIDDEN_MS);
  else if (source === undefined) open();
});

me.subscribe((m) => {
  if (typeof m === 'object') open();
});
