// The guestbook in two of three clouds: two copies, and the third cloud's member of etcd as the witness.

import guestbook from '../../examples/guestbook/tradewind.config.ts';
import { defineConfig } from '../../src/config/index.ts';

const app = guestbook.apps?.['guestbook'];
if (app === undefined) throw new Error('the example has no guestbook');
export default defineConfig({
  ...guestbook,
  apps: {
    guestbook: { ...app, manifests: ['../../examples/guestbook/manifests'], placement: { clusters: ['sao', 'mtl'] } },
  },
});
