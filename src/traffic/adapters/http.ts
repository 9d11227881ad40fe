import { Agent, type Dispatcher, ProxyAgent, request } from 'undici';
import type { Http } from '../ports.ts';

/** HTTP directly, or through an HTTP proxy given as `http://user:password@host:port`. */
export function createHttp(proxyUrl?: string): Http & { close(): Promise<void> } {
  const dispatcher: Dispatcher = proxyUrl === undefined ? new Agent({ allowH2: false }) : proxyOf(proxyUrl);
  return {
    send: async (r, signal) => {
      const res = await request(r.url, {
        method: r.method,
        dispatcher,
        ...(r.headers === undefined ? {} : { headers: r.headers }),
        ...(r.body === undefined ? {} : { body: r.body }),
        ...(signal === undefined ? {} : { signal }),
      });
      return { status: res.statusCode, body: await res.body.text() };
    },
    close: () => dispatcher.destroy(),
  };
}

function proxyOf(proxyUrl: string): ProxyAgent {
  const url = new URL(proxyUrl);
  const token = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`;
  const uri = `${url.protocol}//${url.host}`;
  return new ProxyAgent({ uri, proxyTunnel: true, ...(url.username === '' ? {} : { token }) });
}
