export { introduce } from './introduce.ts';
export {
  type Certificate,
  CLIENT_HOST,
  CLIENT_SECRET,
  MEMBER_SECRET,
  NAME,
  NAMESPACE,
  PORTS,
  peerHost,
} from './model.ts';
export { coordinationApp } from './plan/app.ts';
export { type Majority, majority, sayMembers } from './plan/health.ts';
export { leaderAway } from './plan/leader.ts';
export { planRecovery, type RecoverPlan } from './plan/recover.ts';
export { genesis, hasBegun, type Start, standing } from './plan/start.ts';
export type { Step } from './ports.ts';
export { recover } from './recover.ts';
export { readStart } from './tend.ts';
