export { type CiEvent, ciStep } from './machine/ci.ts';
export type { LabSwitches, LabView } from './model.ts';
export type { RawRequest, RawResponse, Transport } from './ports.ts';
export { type ChatDeps, runChat, runOne } from './run.ts';
export { endMessage, type PlanDocument, planBody, planEnd, planMarker, planMessage } from './view/plan.ts';
