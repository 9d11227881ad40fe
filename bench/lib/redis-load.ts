// A closed loop of Redis clients for what redis-benchmark cannot send: several commands that are one operation.
import { once } from 'node:events';
import { connect } from 'node:net';
import { ReplyScanner } from '../../src/state/resp/replies.ts';
import { encode } from '../../src/state/resp/values.ts';
import { median } from './measure.ts';

export interface Load {
  port: number;
  clients: number;
  requests: number;
  login?: { user: string; password: string };
  /** Commands that are one operation, written together. */
  operation: readonly (readonly string[])[];
}
export interface Figure {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
}

/** Each client has one operation on its way until all are done. Rejects when a reply is an error. */
export async function redisLoad(o: Load): Promise<Figure> {
  const bytes = Buffer.concat(o.operation.map(encode));
  const times: number[] = [];
  let left = o.requests;
  const one = async (): Promise<void> => {
    const socket = connect(o.port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
    const scanner = new ReplyScanner();
    const over = Promise.withResolvers<void>();
    let [due, from] = [0, 0];
    const next = (): void => {
      if (left-- <= 0) return over.resolve();
      due = o.operation.length;
      from = performance.now();
      socket.write(bytes);
    };
    socket.on('data', (chunk) => {
      for (const r of scanner.push(chunk)) {
        if (r.type === 45) over.reject(new Error(String(r.parts[0])));
        due -= 1;
        if (due > 0) continue;
        if (from > 0) times.push(performance.now() - from);
        next();
      }
    });
    socket.on('close', () => over.reject(new Error('closed')));
    if (o.login === undefined) next();
    else {
      due = 1;
      socket.write(encode(['AUTH', o.login.user, o.login.password]));
    }
    await over.promise.finally(() => socket.destroy());
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: o.clients }, one));
  return { perSecond: (1000 * times.length) / (performance.now() - began), p50: median(times) };
}
