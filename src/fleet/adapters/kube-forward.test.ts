import { once } from 'node:events';
import { KubeConfig } from '@kubernetes/client-node';
import { expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { forwardToPod } from './kube-forward.ts';
import type { Session } from './kube-session.ts';

it('a stream that is given up while its WebSocket is being made leaves no connection behind', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const at = server.address();
  const port = typeof at === 'string' || at === null ? 0 : at.port;
  let given: { destroy(): void } | undefined;
  class Late extends KubeConfig {
    // The last thing that is waited for before the connection: here the caller loses patience.
    override async applyToHTTPSOptions(...args: Parameters<KubeConfig['applyToHTTPSOptions']>): Promise<void> {
      await super.applyToHTTPSOptions(...args);
      given?.destroy();
      await new Promise((r) => setTimeout(r, 20));
    }
  }
  const config = new Late();
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' });
  const stream = forwardToPod(Promise.resolve({ config: async () => config } as unknown as Session), {
    namespace: 'n',
    pod: 'p',
    port: 1,
  });
  stream.on('error', () => undefined);
  given = stream;
  await once(stream, 'close');
  await new Promise((r) => setTimeout(r, 300));
  const open = [...server.clients].filter((c) => c.readyState === c.OPEN);
  server.close();
  for (const c of server.clients) c.terminate();
  expect(open).toEqual([]);
});
