import { kubeContract } from '../kube.contract.ts';
import { KubeTwin } from './kube-twin.ts';

kubeContract({ name: 'twin', open: async () => new KubeTwin(), settle: async () => undefined });
