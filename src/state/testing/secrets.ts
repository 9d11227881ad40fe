import type { RedisSecrets } from '../redisconf.ts';

/** Passwords of tests; nothing outside loopback ever has them. */
export const SECRETS: RedisSecrets = {
  write: 'test-w',
  read: 'test-r',
  repl: 'test-repl',
  copy: 'test-copy',
  agent: 'test-agent',
  sync: 'test-sync',
};
