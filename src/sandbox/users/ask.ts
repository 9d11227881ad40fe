import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Answer, Question } from './model.ts';
import { type Decoded, decodeAnswer, encodeQuestion } from './wire.ts';

const DNS_PORT = 53;

/** One question by UDP, from a fresh port; by TCP when the answer was cut short. Rejects after `timeoutMs`. */
export async function askServer(q: Question, port = DNS_PORT): Promise<Answer> {
  const { truncated, answer } = await byUdp(q, port);
  // A new connection costs one more round trip, and one more for the answer.
  return truncated ? byTcp({ ...q, timeoutMs: q.timeoutMs * 3 }, port) : answer;
}

function byUdp(q: Question, port: number): Promise<Decoded> {
  return new Promise((resolve, reject) => {
    const id = randomInt(65_536);
    const socket = createSocket('udp4');
    const timer = setTimeout(() => end(() => reject(new Error(`no answer in ${q.timeoutMs} ms`))), q.timeoutMs);
    const end = (then: () => void): void => {
      clearTimeout(timer);
      socket.close();
      then();
    };
    socket.on('error', (e) => end(() => reject(e)));
    socket.on('message', (bytes, from) => {
      const decoded = from.address === q.server && from.port === port ? decodeAnswer(bytes, id, q.name) : undefined;
      if (decoded !== undefined) end(() => resolve(decoded));
    });
    // Connected, so that "port unreachable" is an error at once and not a silence.
    socket.connect(port, q.server, () => socket.send(encodeQuestion(id, q.name, q.type)));
  });
}

function byTcp(q: Question, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const id = randomInt(65_536);
    const socket = connect({ host: q.server, port, timeout: q.timeoutMs });
    let got = Buffer.alloc(0);
    const fail = (e: Error): void => {
      socket.destroy();
      reject(e);
    };
    socket.on('timeout', () => fail(new Error(`no answer by TCP in ${q.timeoutMs} ms`)));
    socket.on('error', fail);
    socket.on('close', () => reject(new Error('TCP closed without an answer')));
    socket.on('connect', () => {
      const question = encodeQuestion(id, q.name, q.type);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(question.length);
      socket.write(Buffer.concat([length, question]));
    });
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      const decoded = decodeAnswer(got.subarray(2, 2 + got.readUInt16BE(0)), id, q.name);
      if (decoded === undefined) return fail(new Error('nonsense by TCP'));
      resolve(decoded.answer);
      socket.destroy();
    });
  });
}
