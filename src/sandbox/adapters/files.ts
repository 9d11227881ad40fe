import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';

/** Writes whole or not at all. Unlike `replaceFile` it makes no folder: after `down` there must not be one again. */
export function writeJson(path: string, value: unknown): void {
  const tmp = `${path}.${process.pid}.tmp`;
  writeFileSync(tmp, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(tmp, path);
}

/** The parsed file, or undefined when there is none or it is no JSON. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** What a dead process said: its last telling lines, or its last ones. One line of text. */
export function lastWords(path: string, from = 0): string {
  const lines = tail(path, 80, from);
  const telling = lines.filter((l) => /\b(error|fatal|panic|failed|cannot)\b|Error:/i.test(l) && !/^\s+at /.test(l));
  return (telling.length > 0 ? telling.slice(-2) : lines.slice(-3)).join(' | ');
}

/** The last lines of a log from byte `from` on; empty when there is none. */
export function tail(path: string, lines: number, from = 0): string[] {
  if (!existsSync(path)) return [];
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const start = Math.max(from, size - 16_384);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((l) => l !== '')
      .slice(-lines);
  } finally {
    closeSync(fd);
  }
}
