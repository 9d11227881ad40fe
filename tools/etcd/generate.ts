// Writes src/kernel/store-etcd/etcd_pb.ts from etcd.proto: node tools/etcd/generate.ts
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const here = import.meta.dirname;
const out = resolve(here, '..', '..', 'src', 'kernel', 'store-etcd');
const dir = mkdtempSync(join(tmpdir(), 'tw-proto-'));
try {
  // Both are needed by this script only, and weigh more than everything else of the repository.
  const packages = ['@bufbuild/buf@1.75.0', '@bufbuild/protoc-gen-es@2.17.0', '@bufbuild/protobuf@2.17.0'];
  execFileSync('npm', ['install', '--no-save', '--prefix', dir, ...packages], { stdio: 'inherit' });
  const bin = join(dir, 'node_modules', '.bin');
  const plugin = { local: join(bin, 'protoc-gen-es'), out, opt: ['target=ts'] };
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
  execFileSync(join(bin, 'buf'), ['generate', here, '--template', template], { stdio: 'inherit' });
} finally {
  rmSync(dir, { recursive: true, force: true });
}
