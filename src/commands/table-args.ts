import type { ArgSpec, ArgType } from './model.ts';

export const needed: ArgType = { is: 'text', needed: true };
export const text: ArgType = { is: 'text' };
export const list: ArgType = { is: 'list' };
export const flag = (name: string, help: string, short?: string): ArgSpec => ({
  name,
  help,
  type: { is: 'flag' },
  ...(short === undefined ? {} : { short }),
});
export const on: ArgSpec = {
  name: 'on',
  help: 'only these clusters: name, cloud:<cloud> or region:<region>; may be repeated',
  type: list,
  from: 'on',
  value: '<cluster>',
};
export const yes = flag('yes', 'do not ask', 'y');
export const sandbox = flag('sandbox', 'use the simulated clouds of this machine');
export const app: ArgSpec = { name: 'app', help: 'name of the app', type: text, position: 'optional', from: 'app' };
export const confirm: ArgSpec = {
  name: 'confirm',
  help: 'name of the fleet, to confirm destruction',
  type: text,
  value: '<fleet>',
  from: 'fleet',
};
export const cluster: ArgSpec = {
  name: 'cluster',
  help: 'name of the cluster',
  type: needed,
  position: 'one',
  from: 'cluster',
};
export const releaseId: ArgSpec = {
  name: 'release',
  help: 'only if this release holds the app',
  type: text,
  value: '<id>',
};
export const because: ArgSpec = { name: 'because', help: 'reason, kept in the journal', type: text, value: '<text>' };
