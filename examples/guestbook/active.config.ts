// The same guestbook where every cluster takes writes at once, without a home and without etcd: an entry is confirmed in
// its own cloud and reaches the others a moment later; after a cut all have every entry, each once.
import { defineConfig } from '../../src/config/index.ts';
import base from './tradewind.config.ts';

const { guestbook } = base.apps ?? {};
const { coordination: _unused, ...rest } = base;

export default defineConfig({
  ...rest,
  apps: {
    guestbook: {
      ...guestbook,
      manifests: ['manifests'],
      overrides: [
        ...(guestbook?.overrides ?? []),
        { target: { kind: 'Deployment', name: 'guestbook' }, env: { STATE_MODE: 'active-active' } },
      ],
      state: { mode: 'active-active', ack: 'local' },
    },
  },
});
