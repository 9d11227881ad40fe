import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature } from 'topojson-client';
import { defineConfig, type Plugin } from 'vite';
import { outline } from './src/outline.ts';

/** The coast line of the world (Natural Earth 1:110 million, public domain), projected once, here. */
function land(): Plugin {
  const id = 'virtual:land';
  return {
    name: 'tradewind-land',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load: (source) => {
      if (source !== `\0${id}`) return undefined;
      const file = createRequire(import.meta.url).resolve('world-atlas/land-110m.json');
      const topology = JSON.parse(readFileSync(file, 'utf8'));
      return `export default ${JSON.stringify(outline(feature(topology, topology.objects.land)))};`;
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  plugins: [land()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
});
