import { describe, expect, it } from 'vitest';
import type { Http, Lookup, SnapshotStore } from './ports.ts';

/** Every SnapshotStore: `open` gives one with two reachable clusters `a` and `b`, and one that is not, `x`. */
export function storeContract(
  name: string,
  open: () => Promise<{ store: SnapshotStore; close(): Promise<void> }>,
): void {
  describe(`SnapshotStore: ${name}`, () => {
    it('gives back what was put, per cluster, whole', async () => {
      const t = await open();
      const { store } = t;
      expect(await store.get('a', 'one')).toBeUndefined();
      await store.put('a', 'one', { x: '1', y: '2' });
      expect(await store.get('a', 'one')).toEqual({ x: '1', y: '2' });
      expect(await store.get('b', 'one')).toBeUndefined();
      await store.put('a', 'one', { x: '3' });
      expect(await store.get('a', 'one')).toEqual({ x: '3' });
      await t.close();
    });
    it('rejects for a cluster that cannot be reached: never an empty answer', async () => {
      const t = await open();
      const { store } = t;
      await expect(store.get('x', 'one', AbortSignal.timeout(2000))).rejects.toBeInstanceOf(Error);
      await expect(store.put('x', 'one', {}, AbortSignal.timeout(2000))).rejects.toBeInstanceOf(Error);
      await t.close();
    });
  });
}

/** Every Lookup: `open` gives one and a server that answers `guestbook…` from the fixtures, plus a dead one. */
export function lookupContract(
  name: string,
  open: () => Promise<{
    lookup: Lookup;
    server: string;
    port: number;
    dead: number;
    host: string;
    close(): Promise<void>;
  }>,
): void {
  describe(`Lookup: ${name}`, () => {
    it('asks as the client of a prefix, and reads addresses, serials and refusals', async () => {
      const t = await open();
      const at = { server: t.server, port: t.port };
      const au = await t.lookup.ask({ ...at, name: t.host, type: 'A', ecs: '198.19.103.0/24' });
      expect(au).toEqual({ rcode: 'NOERROR', data: ['198.18.3.100'], scope: 24 });
      const br = await t.lookup.ask({ ...at, name: t.host, type: 'A', ecs: '198.19.101.0/24' });
      expect(br.data).toEqual(['198.18.1.100']);
      expect((await t.lookup.ask({ ...at, name: t.host, type: 'SOA' })).data).toEqual(['1048577']);
      expect((await t.lookup.ask({ ...at, name: 'example.org', type: 'A' })).rcode).toBe('REFUSED');
      expect((await t.lookup.ask({ ...at, name: t.host, type: 'AAAA' })).data).toEqual([]);
      await t.close();
    });
    it('rejects when nobody answers', async () => {
      const t = await open();
      const q = { server: t.server, port: t.dead, name: t.host, type: 'A' as const };
      await expect(t.lookup.ask(q, AbortSignal.timeout(1000))).rejects.toBeInstanceOf(Error);
      await t.close();
    });
  });
}

/** Every Http: `open` gives one and a server that answers 200 `{"ok":true}` at /ok (POST: the body back), else 404. */
export function httpContract(
  name: string,
  open: () => Promise<{ http: Http; url: string; dead: string; close(): Promise<void> }>,
): void {
  describe(`Http: ${name}`, () => {
    it('returns any status, sends headers and bodies', async () => {
      const t = await open();
      expect(await t.http.send({ method: 'GET', url: `${t.url}/ok` })).toEqual({ status: 200, body: '{"ok":true}' });
      expect((await t.http.send({ method: 'GET', url: `${t.url}/none` })).status).toBe(404);
      expect((await t.http.send({ method: 'POST', url: `${t.url}/ok`, body: 'hello' })).body).toBe('hello');
      await t.close();
    });
    it('rejects when nobody answers', async () => {
      const t = await open();
      await expect(
        t.http.send({ method: 'GET', url: `${t.dead}/ok` }, AbortSignal.timeout(1000)),
      ).rejects.toBeInstanceOf(Error);
      await t.close();
    });
  });
}
