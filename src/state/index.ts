export { Agent, type AgentParts } from './agent.ts';
export { type Rtt, refuseShared, type StateInput, type StatePlan, statePlan } from './plan.ts';
