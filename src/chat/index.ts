export { Outbox, type OutboxDeps } from './outbox.ts';
export { ChatFault, type Desk, type MessageRef, type Transport } from './ports.ts';
