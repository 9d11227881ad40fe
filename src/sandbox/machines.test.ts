import { machinesContract } from './machines.contract.ts';
import { memoryMachines } from './machines.ts';

machinesContract('in memory', async () => ({ machines: memoryMachines(), close: async () => undefined }));
