import { expect } from 'vitest';
import type { Doc, Ran, Rig } from './rig.ts';

export interface UpData {
  clusters: string[];
  plan: { changes: { infra: number; fleet: number; total: number }; roots: { root: string; kind: string }[] };
}
export const upData = (d: Doc): UpData => d.data as UpData;
export const CONFIRM = '--confirm=guestbook-demo';

/** What stories of building and taking down do and look at. */
export class Builder {
  readonly #rig: Rig;
  constructor(rig: Rig) {
    this.#rig = rig;
  }

  readonly chaos = async (...words: string[]): Promise<void> => {
    const done = await this.#rig.tw('sandbox', 'chaos', ...words);
    expect(done.code, done.stderr).toBe(0);
  };
  readonly up = (...more: string[]): Promise<Doc & Ran> => this.#rig.json('up', '--yes', ...more);
  readonly down = (cluster: string, ...more: string[]): Promise<Doc & Ran> =>
    this.#rig.json('down', '--on', cluster, '--yes', CONFIRM, ...more);
  readonly gone = async (cluster: string): Promise<void> => {
    const done = await this.down(cluster);
    expect(done.code, done.stderr).toBe(0);
  };
  readonly world = async (): Promise<{
    clouds: Record<string, number>;
    clusters: { id: string }[];
    orphans: number;
  }> => {
    const socket = `${this.#rig.state}/sandbox/run/clouds/api.sock`;
    const said = await this.#rig.run('curl', ['-s', '--unix-socket', socket, 'http://clouds/world/summary']);
    return JSON.parse(said.stdout) as Awaited<ReturnType<Builder['world']>>;
  };
  /** Resources of terraform's state of a root. */
  readonly stateOf = async (root: string): Promise<{ type: string; tainted: boolean }[]> => {
    const file = `${this.#rig.state}/sandbox/roots/${root}/terraform.tfstate`;
    const said = await this.#rig.run('cat', [file]);
    const state = JSON.parse(said.stdout) as { resources: { type: string; instances: { status?: string }[] }[] };
    return state.resources.map((r) => ({ type: r.type, tainted: r.instances.some((i) => i.status === 'tainted') }));
  };
}
