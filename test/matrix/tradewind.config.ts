// The guestbook with short waits: many releases one after the other.

import guestbook from '../../examples/guestbook/tradewind.config.ts';
import { defineConfig } from '../../src/config/index.ts';

const app = guestbook.apps?.['guestbook'];
if (app === undefined) throw new Error('the example has no guestbook');
export default defineConfig({
  ...guestbook,
  apps: {
    guestbook: {
      ...app,
      manifests: ['../../examples/guestbook/manifests'],
      release: { ...app.release, soak: '8s', lastSoak: '8s', prepare: { timeout: '60s' } },
    },
  },
});
