import { type Clock, casOnce, fault, type Journal, type Store, toJson } from '../kernel/index.ts';
import { type AppId, isOpen, type ReleaseRecord, type ReleaseRequest } from './model.ts';
import type { ReleasePlan } from './plan.ts';

/** The register of one app over the kernel's store. */
export interface Held {
  record: ReleaseRecord | undefined;
  revision: number;
}
export interface Register {
  read(): Promise<Held>;
  /** `ok` only when the register took it and the journal has it. Throws TW1010, TW7040. */
  cas(revision: number, next: ReleaseRecord): Promise<'ok' | 'stale' | 'unknown'>;
}

const PREFIX = 'release/';
const key = (app: AppId): string => `${PREFIX}${app}`;
export const beatKey = (app: AppId): string => `beat/${app}`;
const LIMIT = 32 * 1024;

export function registerOf(app: AppId, store: Store, journal: Journal): Register {
  return {
    read: async () => {
      const { value, revision } = await store.get(key(app));
      return { record: value === undefined ? undefined : (value as unknown as ReleaseRecord), revision };
    },
    cas: async (revision, next) => {
      const value = toJson(next);
      const size = JSON.stringify(value).length;
      if (size > LIMIT)
        throw fault('TW7040', { value: next.release, why: [`the record has ${size} bytes, ${LIMIT} at most`] });
      const put = await casOnce(store, key(app), { revision, value });
      // The register first, the journal second: a decision that is not in the journal is not acted on.
      if (put === 'ok') journal.append({ kind: 'release.record', data: value });
      return put;
    },
  };
}

/** Apps that have a record, with the record. */
export async function releasesIn(store: Store): Promise<ReleaseRecord[]> {
  const keys = await store.list(PREFIX);
  const all = await Promise.all(keys.map(async (k) => (await store.get(k)).value));
  return all.filter((v) => v !== undefined).map((v) => v as unknown as ReleaseRecord);
}

const TRIES = 8;

/** Reads, changes, writes; again when somebody was faster. `change` throws to refuse. */
async function amend(
  register: Register,
  change: (now: ReleaseRecord | undefined) => ReleaseRecord,
): Promise<ReleaseRecord> {
  for (let i = 0; i < TRIES; i++) {
    const held = await register.read();
    const next = change(held.record);
    if ((await register.cas(held.revision, next)) === 'ok') return next;
  }
  throw fault('TW7040', { why: ['somebody else writes the register all the time'] });
}

/** Throws TW7001 while a release is open. */
export function refuseOpen(now: ReleaseRecord | undefined): void {
  if (now === undefined || !isOpen(now)) return;
  throw fault('TW7001', {
    value: `${now.release} (${phase(now)}, by ${now.by}) holds ${now.app}`,
    fix: [{ say: 'See what it waits for:', command: `tw why '#${now.release}'` }],
  });
}

const phase = (r: ReleaseRecord): string =>
  `${r.decision}${r.decision === 'committed' ? `, wave ${r.wave}, ${r.step}` : ''}`;

export interface Claim {
  plan: ReleasePlan;
  by: string;
  /** Highest epoch that any switch of the app carries. */
  seenEpoch: number;
  /** Release that any switch names: a register that was lost must not count from one again. */
  seenRelease?: string;
  clock: Clock;
}

const numberOf = (release: string | undefined): number => Number(release?.slice(1)) || 0;

/** Starts a release. Throws TW7001 while another one is open. */
export async function claim(register: Register, c: Claim): Promise<ReleaseRecord> {
  return await amend(register, (now) => {
    refuseOpen(now);
    const at = c.clock.now();
    const { plan } = c;
    return {
      app: plan.app,
      release: `r${Math.max(numberOf(now?.release), numberOf(c.seenRelease)) + 1}`,
      planId: plan.id,
      green: plan.green,
      blue: plan.blue,
      members: plan.members,
      lagging: plan.lagging,
      terms: plan.terms,
      epoch: Math.max(now?.epoch ?? 0, c.seenEpoch) + 1,
      decision: 'preparing',
      wave: -1,
      step: 'flip',
      since: at,
      startedAt: at,
      requests: [],
      by: c.by,
    };
  });
}

export interface Takeover {
  release?: string;
  request?: ReleaseRequest;
  clock: Clock;
}

/** Claims an open release with a higher epoch: the shell that held it must step down. Timers start anew. Throws TW7007. */
export async function takeover(register: Register, app: AppId, t: Takeover): Promise<ReleaseRecord> {
  return await amend(register, (now) => {
    const r = needed(app, now, t.release);
    return {
      ...r,
      epoch: r.epoch + 1,
      ...(isOpen(r) ? { since: t.clock.now() } : {}),
      requests: t.request === undefined ? r.requests : [...r.requests, t.request],
    };
  });
}

/** Appends a person's word for the shell that runs. Throws TW7007, TW7008. */
export async function ask(
  register: Register,
  app: AppId,
  x: { release?: string; request: ReleaseRequest; may: (r: ReleaseRecord) => string | undefined },
): Promise<ReleaseRecord> {
  return await amend(register, (now) => {
    const r = needed(app, now, x.release);
    const no = x.may(r);
    if (no !== undefined) throw fault('TW7008', { value: `${x.request.kind} ${r.release}`, why: [no] });
    return { ...r, requests: [...r.requests, x.request] };
  });
}

/**
 * Ends a release whose clusters are gone: every switch of the app was made anew, so nothing of it can land any
 * more. Returns it, or nothing when no release was open.
 */
export async function forget(register: Register, clock: Clock): Promise<ReleaseRecord | undefined> {
  const { record, revision } = await register.read();
  if (record === undefined || !isOpen(record)) return undefined;
  const cause = { code: 'TW7021', say: 'the clusters were built anew while it was open' };
  const next = { ...record, epoch: record.epoch + 1, decision: 'rolledback' as const, cause, since: clock.now() };
  return (await register.cas(revision, next)) === 'ok' ? next : undefined;
}

function needed(app: AppId, now: ReleaseRecord | undefined, release: string | undefined): ReleaseRecord {
  const wanted = release?.replace(/^#/, '');
  if (now !== undefined && (wanted === undefined || wanted === now.release)) return now;
  const why = now === undefined ? `${app} was never released` : `the last release of ${app} is ${now.release}`;
  throw fault('TW7007', { value: release ?? app, why: [why] });
}
