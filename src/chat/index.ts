export type { RawRequest, RawResponse, Transport } from './ports.ts';
export { type ChatDeps, runChat } from './run.ts';
