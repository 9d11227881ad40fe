// Users of one region: keep-alive connections to the address their resolver gave them. Run inside their
// network namespace: node load.ts <address> <host> <connections> <per second> <seconds>; prints one JSON line.
import { Agent, request } from 'node:http';

const [address = '', host = '', connections = '4', rate = '20', seconds = '10'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
interface Answer {
  at: number;
  version: string;
}
const seen: Answer[] = [];
const lost: { at: number; why: string }[] = [];

function ask(): Promise<void> {
  return new Promise((done) => {
    const fail = (why: string): void => {
      lost.push({ at: Date.now(), why });
      done();
    };
    const r = request({ host: address, port: 80, path: '/info', agent, headers: { host }, timeout: 10_000 }, (res) => {
      let body = '';
      res.on('data', (b: Buffer) => (body += b.toString()));
      res.on('error', (e) => fail(e.message));
      res.on('end', () => {
        const version = String(res.headers['x-app-version'] ?? /"version":"([^"]*)"/.exec(body)?.[1] ?? '?');
        if (res.statusCode === 200) seen.push({ at: Date.now(), version });
        else lost.push({ at: Date.now(), why: `status ${res.statusCode} of ${version}` });
        done();
      });
    });
    r.on('timeout', () => r.destroy(new Error('no answer for 10 s')));
    r.on('error', (e) => fail(e.message));
    r.end();
  });
}

const until = Date.now() + Number(seconds) * 1000;
const pause = (1000 * Number(connections)) / Number(rate);
let stop = false;
process.on('SIGTERM', () => {
  stop = true;
});
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    while (!stop && Date.now() < until) {
      const began = Date.now();
      await ask();
      await new Promise((r) => setTimeout(r, Math.max(0, pause - (Date.now() - began))));
    }
  }),
);
agent.destroy();
const versions = [...new Set(seen.map((s) => s.version))].map((version) => ({
  version,
  count: seen.filter((s) => s.version === version).length,
  first: seen.find((s) => s.version === version)?.at,
  last: seen.findLast((s) => s.version === version)?.at,
}));
process.stdout.write(
  `${JSON.stringify({ answered: seen.length, lost: lost.length, sample: lost.slice(0, 5), versions })}\n`,
);
