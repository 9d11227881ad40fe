// The same guestbook with one book: an entry is on two clouds before it is confirmed, and any one of three may be lost.
import { defineConfig } from '../../src/config/index.ts';
import base from './tradewind.config.ts';

const { guestbook } = base.apps ?? {};

export default defineConfig({
  ...base,
  // One member of etcd per cloud: where it is agreed who is home and what is released.
  coordination: { etcd: {} },
  apps: {
    guestbook: {
      ...guestbook,
      // Without a Redis of its own; the app finds the shared one under the same names.
      manifests: ['manifests'],
      overrides: [
        ...(guestbook?.overrides ?? []),
        {
          target: { kind: 'Deployment', name: 'guestbook' },
          // The time-out is longer than a failover: users then see latency and no error.
          env: { STATE_MODE: 'single-writer', REDIS_TIMEOUT: '10s' },
        },
      ],
      state: { mode: 'single-writer', ack: 'quorum', home: 'auto' },
    },
  },
});
