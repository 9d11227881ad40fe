export type { Context, Invocation, Io, Question } from './context.ts';
export type { ArgSpec, Args, CommandSpec, Document, Outcome } from './model.ts';
export {
  type ChaosWish,
  type DownFacts,
  type Engine,
  type HoldFacts,
  type SandboxDoor,
  type SandboxFacts,
  type Step,
  TEARDOWN,
  type TrafficDoor,
  type TrafficPlanFacts,
  type VisitResult,
  type VisitWish,
  type WhyFacts,
} from './ports.ts';
export { runCommand } from './run.ts';
export { COMMANDS } from './table.ts';
