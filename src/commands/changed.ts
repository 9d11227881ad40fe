import type { FieldChange } from '../fleet/index.ts';

/** Characters of a text that are shown around what differs. */
const SHOWN = 60;

const isDict = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

function dictIn(v: unknown): Record<string, unknown> | undefined {
  if (typeof v !== 'string' || !v.trimStart().startsWith('{')) return undefined;
  try {
    const read: unknown = JSON.parse(v);
    return isDict(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

function within(path: string, from: unknown, to: unknown): FieldChange[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (!isDict(from) || !isDict(to)) return [{ path, from, to } as FieldChange];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return keys.flatMap((k) => within(`${path}.${k}`, from[k], to[k]));
}

/** The part of a long text where it differs from the other one, with some of what stands around it. */
function excerpt(text: string, other: string): string {
  if (text.length <= 2 * SHOWN) return text;
  let same = 0;
  while (same < text.length && text[same] === other[same]) same++;
  const start = Math.max(0, same - SHOWN / 2);
  const part = text.slice(start, start + 2 * SHOWN);
  return `${start === 0 ? '' : '…'}${part}${start + 2 * SHOWN < text.length ? '…' : ''}`;
}

/** One change of a field as people read it: texts that are JSON are compared inside, of long ones the part that differs. */
export function told(change: FieldChange): string[] {
  const [was, now] = [dictIn(change.from), dictIn(change.to)];
  const inside = was === undefined || now === undefined ? [] : within(change.path, was, now);
  return (inside.length === 0 ? [change] : inside).map(({ path, from, to }) => {
    const [a, b] = [from, to].map((v) => JSON.stringify(v) ?? 'nothing') as [string, string];
    return `${path}: ${excerpt(a, b)} → ${excerpt(b, a)}`;
  });
}
