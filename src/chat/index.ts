export type { LabSwitches, LabView } from './model.ts';
export type { RawRequest, RawResponse, Transport } from './ports.ts';
export { type ChatDeps, runChat } from './run.ts';
