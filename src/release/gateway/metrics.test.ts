import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Counters } from '../model.ts';
import { countersOf, type PodMemory, remember, type Scrape, scrapeOf } from './metrics.ts';

const ROUTE = { namespace: 'guestbook', route: 'guestbook' };
const file = (name: string): string => readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), 'utf8');
/** One pod of a real run: 100/0, three flips under load; then green's pods, its Service and its port were taken away. */
const [flip, broken] = [file('flip'), file('broken')];

const read = (...texts: readonly string[]): PodMemory =>
  texts.reduce<PodMemory | undefined>((m, t) => remember(m, scrapeOf(t, ROUTE)), undefined) as PodMemory;
const of = (pods: readonly PodMemory[], version: string): Counters =>
  countersOf(pods, { ...ROUTE, service: `guestbook-${version}` }, 5);

test('requests are told apart by version; latency is cumulative and ends with all of them', () => {
  const [blue, green] = [of([read(flip)], 'v1'), of([read(flip)], 'v2')];
  expect([blue.requests, green.requests, blue.errors, green.errors]).toEqual([3251, 5396, 0, 0]);
  expect(green.latency.at(-1)).toEqual({ le: Number.POSITIVE_INFINITY, count: 5396 });
  expect(green.latency.map((l) => l.count)).toEqual(green.latency.map((l) => l.count).toSorted((a, b) => a - b));
  expect(green.latency.map((l) => l.le)).toContain(0.25);
  expect(of([read(flip)], 'v3')).toEqual({ at: 5, requests: 0, errors: 0, latency: [] });
});

test('what the gateway answers itself for a dead green is an error of the route, though no service has it', () => {
  // 503 without endpoints 56, 500 without a Service 99, both on the router alone; 502 of a closed port 27.
  const green = of([read(broken)], 'v2');
  expect(green.errors).toBe(56 + 99 + 27);
  expect(green.requests).toBe(56 + 99 + 27);
  // 31 users had gone away, and the preview's own 503 belong to its checks.
  const without = broken.replaceAll(/^traefik_router.*\n/gm, '');
  expect(of([read(without)], 'v2').errors).toBe(27);
});

test('series that Traefik dropped and began anew are carried on', () => {
  const green = of([read(flip, broken)], 'v2');
  expect(green.requests).toBe(5396 + 56 + 99 + 27);
  expect(of([read(flip, broken)], 'v1').requests).toBe(3251 + 56 + 99);
  expect(of([read(flip, flip)], 'v2').requests).toBe(5396);
});

test('a new process of the pod, and pods that are gone, keep what was counted', () => {
  const reborn = flip.replace('1.79586676487e+09', '1.79586999999e+09');
  expect(of([read(flip, reborn)], 'v2').requests).toBe(2 * 5396);
  expect(of([read(flip), read(flip)], 'v2').requests).toBe(2 * 5396);
  expect(of([read(flip, reborn)], 'v2').latency.at(-1)?.count).toBe(2 * 5396);
});

const line = (code: string, protocol: string, value: number): string => {
  const service = `httproute-guestbook-guestbook-gw-g-g-ep-web-0-${'a'.repeat(20)}-svc-guestbook-guestbook-v1-0@kubernetesgateway`;
  return `traefik_service_requests_total{code="${code}",method="POST",protocol="${protocol}",service="${service}"} ${value}\n`;
};
const scraped = (text: string): Scrape => scrapeOf(text, ROUTE);

test('websockets and users who left are no requests; gRPC has codes of its own', () => {
  const text = line('0', 'websocket', 3) + line('499', 'http', 4) + line('0', 'grpc', 5) + line('14', 'grpc', 6);
  const all = of([remember(undefined, scraped(text + line('404', 'http', 7)))], 'v1');
  expect([all.requests, all.errors]).toEqual([18, 6]);
});

test('a route or Service whose name only begins like ours is another one', () => {
  expect(scrapeOf(flip, { namespace: 'guestbook', route: 'guest' }).samples).toEqual([]);
  expect(of([read(flip)], 'v').requests).toBe(0);
});
