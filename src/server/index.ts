/** The only door of the room. */

export type { ConfigState } from './model.ts';
export type { ServerDeps, WebFile } from './ports.ts';
export { serve } from './serve.ts';
export { Exporter } from './traces/exporter.ts';
