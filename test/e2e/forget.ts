import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { systemClock } from '../../src/kernel/index.ts';
import { EtcdStore } from '../../src/kernel/store-etcd/index.ts';
import { freePortAt } from '../../src/state/testing/redis-process.ts';
import { eventually, type Rig } from './rig.ts';

const NAMESPACE = 'tradewind-coordination';

/** The coordination store loses what it knew of releases. */
export async function forgetReleases(rig: Rig, cluster: string): Promise<void> {
  const said = await rig.kubectl(cluster, '-n', NAMESPACE, 'get', 'secret', 'etcd-client', '-o', 'json');
  const { data } = JSON.parse(said.stdout) as { data: Record<string, string> };
  const pem = (name: string): string => Buffer.from(data[name] ?? '', 'base64').toString();
  const port = await freePortAt();
  const kubeconfig = (await rig.tw('kubeconfig', '--print-path')).stdout.trim();
  const forward = ['port-forward', 'pod/etcd-0', `${port}:2379`];
  const child = spawn('kubectl', ['--kubeconfig', kubeconfig, '--context', cluster, '-n', NAMESPACE, ...forward], {
    stdio: 'ignore',
  });
  const store = new EtcdStore({
    endpoints: [{ name: cluster, url: `https://etcd.${NAMESPACE}.svc:2379`, socket: () => connect(port, '127.0.0.1') }],
    root: '/tradewind/guestbook-demo/',
    clock: systemClock,
    tls: { ca: pem('ca.crt'), cert: pem('tls.crt'), key: pem('tls.key') },
  });
  try {
    const keys = await eventually(30_000, () => store.list('release/'));
    await store.txn({ if: [], put: [], remove: keys });
  } finally {
    await store.close();
    child.kill();
  }
}
