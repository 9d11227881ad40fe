import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Spec } from '../../tools/conformance/report.ts';
import { ROOT } from './rig.ts';

/** Quick specs of Kubernetes' own suite, one or two of each part that a cluster must have to be one. */
const SPECS = [
  '[sig-node] Pods should be submitted and removed [NodeConformance] [Conformance]',
  '[sig-node] Probing container with readiness probe should not be ready before initial delay and never restart',
  '[sig-storage] EmptyDir volumes should support (non-root,0644,default)',
  '[sig-storage] Projected configMap should be consumable from pods in volume with mappings',
  '[sig-network] Services should serve a basic endpoint from pods',
  '[sig-network] DNS should provide DNS for services',
  '[sig-network] HostPort validates that there is no conflict between pods with same hostPort',
  '[sig-network] Networking Granular Checks: Pods should function for node-pod communication: udp',
  '[sig-apps] ReplicaSet should serve a basic image on each replica with a public image',
  '[sig-apps] Deployment deployment should support rollover',
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap',
  '[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server',
  '[sig-cli] Kubectl client Kubectl expose should create services for rc',
  '[sig-auth] ServiceAccounts should mount an API token into pods',
];
const MINUTES = 6;

const dir = mkdtempSync(join(tmpdir(), 'tw-'));
let specs: Spec[] = [];
let output = '';

beforeAll(
  async () => {
    const focus = SPECS.map((s) => s.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('|');
    const results = join(dir, 'results.json');
    const args = ['tools/conformance.ts', '--focus', focus, '--minutes', `${MINUTES}`, '--results', results];
    output = await new Promise<string>((done) => {
      execFile(process.execPath, args, { cwd: ROOT, maxBuffer: 64 << 20 }, (_error, stdout, stderr) =>
        done(stderr + stdout),
      );
    });
    specs = JSON.parse(readFileSync(results, 'utf8')) as Spec[];
  },
  // Cold, the suite itself is built first.
  (MINUTES + 14) * 60_000,
);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("Kubernetes' own conformance specs against a sandbox cluster", () => {
  it.each(SPECS)('%s', (name) => {
    // A name without its end chooses variants; each must pass.
    const results = specs.filter((s) => s.name.startsWith(name)).map((s) => s.result);
    expect(new Set(results), output).toEqual(new Set(['passed']));
  });
});
