// What a browser loads of the built dashboard, packed with gzip: for the first page, and for each of the others.
import type { WebFile } from '../../src/server/index.ts';

const REFERENCE = /(?:src|href)="(\/[^"]+\.(?:js|css|svg))"/g;
const IMPORT = /(?:from|import)\s*"\.\/([\w.-]+\.js)"/g;
const text = (f: WebFile | undefined): string => Buffer.from(f?.body ?? '').toString();

/** A file of code and everything that it imports before it runs. */
function withImports(files: ReadonlyMap<string, WebFile>, path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const [, name] of text(files.get(path)).matchAll(IMPORT)) withImports(files, `/assets/${name}`, seen);
  return seen;
}

const weigh = (files: ReadonlyMap<string, WebFile>, paths: Iterable<string>): number =>
  [...paths].reduce((n, p) => n + (files.get(p)?.packed.length ?? 0), 0);

/** Bytes after gzip: `first` is the document and all that it names, `pages` is what each other page adds. */
export function webWeight(files: ReadonlyMap<string, WebFile>): { first: number; pages: Record<string, number> } {
  const named = [...text(files.get('/index.html')).matchAll(REFERENCE)].map((m) => m[1] ?? '');
  const first = new Set([
    '/index.html',
    ...named.flatMap((p) => (p.endsWith('.js') ? [...withImports(files, p)] : [p])),
  ]);
  const entry = named.find((p) => p.startsWith('/assets/index-') && p.endsWith('.js')) ?? '';
  const later = [...text(files.get(entry)).matchAll(/import\(`?"?\.\/([\w-]+)-[\w-]{8}\.js/g)].map((m) => m[1] ?? '');
  const pages = later.map((name) => {
    const own = [...files.keys()].filter((p) => p.startsWith(`/assets/${name}-`));
    const code = own.filter((p) => p.endsWith('.js')).flatMap((p) => [...withImports(files, p)]);
    const all = new Set([...own, ...code].filter((p) => !first.has(p)));
    return [name, weigh(files, all)] as const;
  });
  return { first: weigh(files, first), pages: Object.fromEntries(pages) };
}
