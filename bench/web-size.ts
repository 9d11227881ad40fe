// What a browser loads before the map is painted, and for each other page, beside the smallest React page: a counter.
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { webFiles } from '../src/compose/web.ts';
import { ROOT, type Row, table } from './lib/measure.ts';
import { webWeight } from './lib/web-weight.ts';

const COUNTER = `import { createElement, useState } from 'react';
import { createRoot } from 'react-dom/client';
function Counter() {
  const [n, set] = useState(0);
  return createElement('button', { onClick: () => set(n + 1) }, n);
}
createRoot(document.getElementById('app')).render(createElement(Counter));`;

/** Bytes after gzip of the counter's code. */
async function counter(): Promise<number> {
  const made = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'counter',
        resolveId: (id) => (id === 'virtual:counter' ? `${ROOT}/counter.js` : undefined),
        load: (id) => (id === `${ROOT}/counter.js` ? COUNTER : undefined),
      },
    ],
    build: { write: false, rollupOptions: { input: 'virtual:counter' }, modulePreload: { polyfill: false } },
  });
  const chunks = [made].flat().flatMap((m) => ('output' in m ? m.output : []));
  return chunks.reduce((n, c) => n + (c.type === 'chunk' ? gzipSync(c.code, { level: 9 }).length : 0), 0);
}

const kb = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KB`;
const [{ first, pages }, peer] = [webWeight(await webFiles()), await counter()];
const rows: Row[] = [
  { name: 'map, first paint', ours: kb(first), peer: kb(peer), ratio: first / peer, goal: '≤ 60 KB, ≤ 0.9' },
  ...Object.entries(pages).map(([name, bytes]): Row => ({ name, ours: kb(bytes), goal: '≤ 30 KB' })),
];
table(
  'weight of the dashboard after gzip (document, code, styles, outline of the land; peer: a counter in React)',
  rows,
);
