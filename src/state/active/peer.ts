import type { ClusterName } from '../../kernel/index.ts';
import { Upstream } from '../gateway/upstream.ts';
import type { Wire } from '../ports.ts';
import { type Ask, applyBy, asking, tailBy, vectorBy } from './calls.ts';
import type { Peer } from './ports.ts';

/** Epoch of every door where all clusters write: there is one for ever. */
export const EPOCH = 1;

/** The Redis of another cluster, over a stream of the wire as `tw-sync`. Throws when no way opens or it is closed. */
export async function openPeer(wire: Pick<Wire, 'open'>, to: ClusterName, password: string): Promise<Peer> {
  const stream = await wire.open(to, 'data', { epoch: EPOCH, hop: 0 });
  const up = await Upstream.open(stream, { user: 'tw-sync', password, ackMs: 0, db: '0' });
  let heard = performance.now();
  const asked = asking(up);
  const ask: Ask = (...args) => asked(...args).finally(() => (heard = performance.now()));
  return {
    vector: () => vectorBy(ask),
    tail: (origin, after, count) => tailBy(ask, origin, after, count),
    apply: (origin, prev, entries) => applyBy(ask, { origin, prev, entries }),
    get silence() {
      return Math.min(up.silence, performance.now() - heard);
    },
    close: () => up.close(),
  };
}
