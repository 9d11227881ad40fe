export { EtcdAdmin, type MemberState } from './admin.ts';
export type { EtcdEndpoint, EtcdOptions } from './members.ts';
export { EtcdStore } from './store.ts';
