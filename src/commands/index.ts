export type { Context, Invocation, Io, Question } from './context.ts';
export type { ArgSpec, Args, CommandSpec, Document, Outcome } from './model.ts';
export type {
  ChaosWish,
  DownFacts,
  Engine,
  HoldFacts,
  SandboxDoor,
  SandboxFacts,
  Step,
  TrafficDoor,
  TrafficPlanFacts,
  VisitResult,
  VisitWish,
  WhyFacts,
} from './ports.ts';
export { runCommand } from './run.ts';
export { COMMANDS } from './table.ts';
