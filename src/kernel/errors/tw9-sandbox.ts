import type { Block } from './block.ts';

/** Sandbox: preflight, supervisor, chaos, users, down. */
export const TW9 = {
  TW9001: { title: 'this machine cannot hold a sandbox', kind: 'user', exit: 1 },
  TW9002: { title: 'a tool the sandbox needs is missing', kind: 'user', exit: 1 },
  TW9003: { title: 'the binaries of the sandbox are missing', kind: 'user', exit: 1 },
  TW9004: { title: 'the binaries of the sandbox could not be built', kind: 'transient', exit: 1 },
  TW9005: { title: 'the sandbox directory cannot be used', kind: 'user', exit: 1 },
  TW9006: { title: 'the addresses of the sandbox do not fit', kind: 'user', exit: 1 },
  TW9007: { title: 'not enough free memory for this sandbox', kind: 'user', exit: 1 },
  TW9008: { title: 'no sandbox is running here', kind: 'user', exit: 1 },
  TW9009: { title: 'the kernel allows too few inotify instances for this sandbox', kind: 'user', exit: 1 },
  TW9010: { title: 'sandbox data is not valid', kind: 'user', exit: 2 },
  TW9011: { title: 'the simulated clouds have no rule for this resource type', kind: 'user', exit: 4 },
  TW9012: { title: 'the simulated clouds do not answer', kind: 'transient', exit: 1 },
  TW9020: { title: 'image recipe not found', kind: 'user', exit: 1 },
  TW9040: { title: 'a process of the sandbox died', kind: 'transient', exit: 1 },
  TW9041: { title: 'processes of the sandbox run without their supervisor', kind: 'transient', exit: 1 },
  TW9042: { title: 'the disk of the sandbox is full', kind: 'transient', exit: 1 },
  TW9050: { title: 'something of the sandbox is left', kind: 'bug', exit: 1 },
} as const satisfies Block;
