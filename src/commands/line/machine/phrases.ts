import type { LineFault } from './words.ts';

/** What runs of an app, as `tw versions` and `tw history` tell it. */
export interface Standing {
  versions: readonly { cluster: string; version: string; live: boolean }[];
  /** The newest release, while it is open. */
  open?: { release: string; green: string; preparing: boolean } | undefined;
}

/** A short phrase for an app: `guestbook deploy v2`. */
export interface Phrase {
  app: string;
  word: 'list' | 'deploy' | 'current' | 'enable' | 'delete';
  version?: string;
}

const BARE = ['list', 'current'];
const VERSIONED = ['deploy', 'enable', 'delete'];

/** A line that begins with an app and one of the five words; anything else is no phrase. */
export function phraseOf(line: string, apps: readonly string[]): Phrase | undefined {
  const [app = '', word = '', version, ...more] = line.trim().split(/\s+/);
  if (!apps.includes(app) || more.length > 0) return undefined;
  if (BARE.includes(word) && version === undefined) return { app, word: word as Phrase['word'] };
  if (VERSIONED.includes(word) && version !== undefined && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(version))
    return { app, word: word as Phrase['word'], version };
  return undefined;
}

const refused = (p: Phrase, why: string, command: string): LineFault => ({
  code: 'TW6002',
  value: `${p.app} ${p.word} ${p.version ?? ''}`.trim(),
  why: [why],
  fix: [{ say: 'What fits:', command }],
});

function enable(p: Phrase, s: Standing): string | LineFault {
  if (s.open?.green === p.version && s.open?.preparing === true)
    return `promote ${p.app} --release=${s.open.release} --yes`;
  const there = s.versions.filter((v) => v.version === p.version);
  if (there.length > 0 && there.every((v) => v.live)) return refused(p, 'it is live already', `versions ${p.app}`);
  if (s.open !== undefined && !s.open.preparing && there.length > 0)
    return `rollback ${p.app} --release=${s.open.release}`;
  return refused(p, 'it is not prepared and not kept', `release ${p.app}@${p.version}`);
}

function remove(p: Phrase, s: Standing): string | LineFault {
  const there = s.versions.filter((v) => v.version === p.version);
  if (there.length === 0) return refused(p, 'it runs nowhere', `versions ${p.app}`);
  const live = there.filter((v) => v.live).map((v) => v.cluster);
  if (live.length > 0) return refused(p, `it is live on ${live.join(', ')}`, `versions ${p.app}`);
  if (s.open?.preparing === true) return refused(p, `release ${s.open.release} is open`, `abort ${p.app}`);
  return `retire ${p.app} --yes`;
}

/** The line of the grammar that a phrase means now. `standing` is asked only where it matters. */
export async function expand(p: Phrase, standing: () => Promise<Standing>): Promise<string | LineFault> {
  switch (p.word) {
    case 'list':
    case 'current':
      return `versions ${p.app}`;
    case 'deploy':
      return `release ${p.app}@${p.version} --hold=commit --yes`;
    case 'enable':
      return enable(p, await standing());
    case 'delete':
      return remove(p, await standing());
  }
}
