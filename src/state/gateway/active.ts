// The gateway where every cluster takes writes: both doors lead to the Redis of this cluster, and there is no home to find.
import { startGateway } from './gateway.ts';
import { Homes } from './homes.ts';
import { type ClusterGateway, doorsOf, type GatewayParts, localStream } from './run.ts';

export interface ActiveGatewayParts
  extends Pick<GatewayParts, 'me' | 'redis' | 'secrets' | 'clock' | 'holdMs' | 'ackMs' | 'listen'> {
  /** `quorum`: a write is answered once the Redis of one more cluster has it; `local`: at once. */
  ack: 'quorum' | 'local';
}

/** Epoch that the marker of an open Redis says, for as long as the app lives. */
const EPOCH = 1;

/** Until it is closed. Rejects when a port is taken. While the Redis is closed, writes wait for `holdMs`; reads go on. */
export async function activeGateway(p: ActiveGatewayParts): Promise<ClusterGateway> {
  const homes = new Homes();
  const w = p.ack === 'quorum' ? 1 : 0;
  homes.set({ epoch: EPOCH, primary: p.me, from: { epoch: 0, offset: 0, run: '' }, copies: [p.me], w });
  const here = (): ReturnType<typeof localStream> => localStream(p.redis);
  const gate = await startGateway({
    homes,
    openHome: here,
    openLocal: here,
    active: p.ack,
    ...doorsOf(p),
  });
  // All gateways of a cluster use one Redis: they have nothing to tell each other.
  return Object.setPrototypeOf({ peers: { size: 0, told: 0, skipped: 0 } }, gate) as ClusterGateway;
}
