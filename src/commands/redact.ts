import type { Json } from '../kernel/index.ts';

/** Takes secrets out of what leaves the machine, by value and by pattern. */
export interface Redactor {
  text(s: string): string;
  json(value: Json): Json;
}

const GONE = '(redacted)';
const SECRET_NAME =
  /pass(word|wd|phrase)?$|passw|secret|token|private.?key|access.?key|api.?key|credential|authori[sz]ation/i;
const NAMES =
  '(?:passw(?:or)?d|passphrase|secret|token|private[-_]?key|access[-_]?key|api[-_]?key|credential|authorization)';

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, GONE],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, GONE],
  [/\bk8s-aws-v1\.[\w-]+/g, GONE],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, GONE],
  [/\bya29\.[\w-]+/g, GONE],
  [/\b(?:gh[pousr]|twt)_\w{20,}/g, GONE],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${GONE}`],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, `$1:${GONE}@`],
  [new RegExp(`(${NAMES}[\\w-]*\\\\?["']?\\s*[=:]\\s*\\\\?["']?)(?!\\(redacted)[^\\s"'\\\\,;&]+`, 'gi'), `$1${GONE}`],
  [new RegExp(`(--?[\\w-]*${NAMES}[\\w-]*\\s+)(?![-(])\\S+`, 'gi'), `$1${GONE}`],
];

const escaped = (s: string): string => s.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** The shapes in which a value may travel. */
function forms(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((l) => l.length >= 8);
  return [secret, ...lines].flatMap((s) => [
    s,
    Buffer.from(s).toString('base64').replace(/=+$/, ''),
    Buffer.from(s).toString('base64url'),
    encodeURIComponent(s),
    JSON.stringify(s).slice(1, -1),
  ]);
}

/** Shorter ones are taken out where they are the whole value: inside of words they would eat the text. */
const SHORT = 4;

function byValue(secrets: readonly string[]): (s: string) => string {
  const exact = new Set(secrets.filter((s) => s !== ''));
  const all = [...new Set([...exact].filter((s) => s.length >= SHORT).flatMap(forms))].filter((s) => s.length >= SHORT);
  const any =
    all.length === 0
      ? undefined
      : new RegExp(
          all
            .toSorted((a, b) => b.length - a.length)
            .map(escaped)
            .join('|'),
          'g',
        );
  return (s) => (exact.has(s) ? GONE : any === undefined ? s : s.replace(any, GONE));
}

const isText = (v: Json | undefined): v is string => typeof v === 'string';

/** Objects that say by another field that a value is secret. */
function isSecretField(owner: Readonly<Record<string, Json>>, key: string): boolean {
  if (SECRET_NAME.test(key)) return true;
  if (owner['kind'] === 'Secret' && (key === 'data' || key === 'stringData')) return true;
  return key === 'value' && isText(owner['name']) && SECRET_NAME.test(owner['name']);
}

export function redactor(secrets: readonly string[]): Redactor {
  const values = byValue(secrets);
  const text = (s: string): string => PATTERNS.reduce((t, [p, by]) => t.replace(p, by), values(s));
  const words = (list: readonly Json[]): Json[] =>
    list.map((v, i) => {
      const flag = list[i - 1];
      const follows = isText(flag) && isText(v) && /^--?[^=\s]+$/.test(flag) && SECRET_NAME.test(flag);
      return follows ? GONE : json(v);
    });
  const leaves = (v: Json): Json => {
    if (Array.isArray(v)) return v.map(leaves);
    if (v === null || typeof v !== 'object') return isText(v) && v !== '' ? GONE : v;
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [text(k), leaves(x)]));
  };
  const field = (owner: Readonly<Record<string, Json>>, key: string, v: Json): Json => {
    if (!isSecretField(owner, key)) return json(v);
    const inside = key === 'data' || key === 'stringData';
    return isText(v) || inside ? leaves(v) : json(v);
  };
  const json = (v: Json): Json => {
    if (isText(v)) return text(v);
    if (typeof v === 'number') return values(String(v)) === String(v) ? v : GONE;
    if (v === null || typeof v !== 'object') return v;
    if (Array.isArray(v)) return words(v);
    const owner = v as Readonly<Record<string, Json>>;
    return Object.fromEntries(Object.entries(owner).map(([k, x]) => [text(k), field(owner, k, x)]));
  };
  return { text, json };
}
