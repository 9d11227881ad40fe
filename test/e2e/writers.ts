// Writers of one region: keep-alive connections to the address their resolver gave them, each value once. Run inside
// their network namespace: node writers.ts <address> <host> <name> <connections> <per second> <seconds>; prints one
// JSON line: the writes in the words of the checker, and the longest time without an acknowledgement.
import { Agent, request } from 'node:http';

const [address = '', host = '', name = '', connections = '4', rate = '20', seconds = '10'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
interface Write {
  client: string;
  value: string;
  from: number;
  to: number;
  result: 'ok' | 'failed' | 'unknown';
  why?: string;
}
const writes: Write[] = [];
let next = 0;

function say(path: string): Promise<{ status: number; body: string }> {
  return new Promise((done, failed) => {
    const r = request({ host: address, port: 80, path, agent, headers: { host }, timeout: 30_000 }, (res) => {
      let body = '';
      res.on('data', (b: Buffer) => (body += b.toString()));
      res.on('error', failed);
      res.on('end', () => done({ status: res.statusCode ?? 0, body }));
    });
    r.on('timeout', () => r.destroy(new Error('no answer for 30 s')));
    r.on('error', failed);
    r.end();
  });
}

async function write(client: string): Promise<void> {
  const value = `${name}-${next++}`;
  const from = Date.now();
  const end = await say(`/rpush/guestbook/${value}?last=1`).catch((e: Error) => ({ status: 0, body: e.message }));
  const certain = end.body.includes('Nothing was changed');
  const result = end.status === 200 ? 'ok' : certain ? 'failed' : 'unknown';
  const why = result === 'ok' ? {} : { why: `${end.status} ${end.body.slice(0, 300)}` };
  writes.push({ client, value, from, to: Date.now(), result, ...why });
}

const until = Date.now() + Number(seconds) * 1000;
const pause = (1000 * Number(connections)) / Number(rate);
await Promise.all(
  Array.from({ length: Number(connections) }, async (_, i) => {
    while (Date.now() < until) {
      const began = Date.now();
      await write(`${name}${i}`);
      await new Promise((r) => setTimeout(r, Math.max(0, pause - (Date.now() - began))));
    }
  }),
);
agent.destroy();
const acked = writes
  .filter((w) => w.result === 'ok')
  .map((w) => w.to)
  .toSorted((a, b) => a - b);
const gaps = acked.slice(1).map((at, i) => ({ ms: at - (acked[i] ?? at), from: acked[i] ?? at }));
const gap = gaps.toSorted((a, b) => b.ms - a.ms)[0] ?? { ms: 0, from: 0 };
process.stdout.write(`${JSON.stringify({ writes, gap })}\n`);
