export type { Allowed } from './access/allowed.ts';
export { accountOf, type Caller, type Identity } from './access/model.ts';
export { callerName, isNobody } from './access/persons.ts';
export { checkArg } from './args.ts';
export { record, records } from './book/audit.ts';
export { type ChatBehind, chatsBehind, noteBehind } from './book/chats.ts';
export { tell } from './book/ledger.ts';
export type { Context, Invocation, Io, Question, RemoteDoor, Witness } from './context.ts';
export { type Card, Desk, type DeskDeps, type Inbound } from './desk.ts';
export { Flood } from './flood.ts';
export { addressIn, clusterOf, handedTo, markHanded, unmarkHanded } from './handed.ts';
export type { Ignored } from './ignored.ts';
export { inFleet } from './line/machine/fleets.ts';
export type { Measured } from './measured.ts';
export type { ArgSpec, Args, ArgType, CommandSpec, Document, Outcome, ValueSource } from './model.ts';
export {
  type ChaosWish,
  type CoordinationDoor,
  type DownFacts,
  type Engine,
  type HoldFacts,
  type ReleaseDoor,
  type SandboxDoor,
  type SandboxFacts,
  type ServerDoor,
  type ServerPodDoor,
  type ServeWish,
  type StateDoor,
  type StateFacts,
  type Step,
  TEARDOWN,
  type TrafficDoor,
  type TrafficPlanFacts,
  type VisitResult,
  type VisitWish,
  type WhyFacts,
} from './ports.ts';
export { Quiet } from './quiet.ts';
export type { StandingApp } from './release/watch.ts';
export type { AccessNow } from './rule/access.ts';
export type { Waiter } from './rule/queue.ts';
export type { Pending } from './rule/vote.ts';
export { accessNow, allowedNow, approvalsNow, lineNow, measuredNow, releaseWatch, runCommand } from './run.ts';
export { runJournal } from './runjournal.ts';
export { changesOfHome, scheduledBackups } from './schedule.ts';
export { redactorOf } from './secrets.ts';
export { announce, dashboardOf, isLoginCode, loginCode, loginUrl, sameText, signed } from './serving.ts';
export { CHAOS_WORDS, COMMANDS, isRun, SHELLS } from './table.ts';
export { type Access, accessOf, isToken, noteUse, type Role, type TokenEntry, tokenEntry } from './tokens.ts';
