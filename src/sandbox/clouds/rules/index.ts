import { awsDns } from './aws-dns.ts';
import { awsEks } from './aws-eks.ts';
import { awsIam } from './aws-iam.ts';
import { awsNetwork } from './aws-network.ts';
import { azureBasic } from './azure.ts';
import { azureAks } from './azure-aks.ts';
import { gcpBasic } from './gcp.ts';
import { gcpGke } from './gcp-gke.ts';
import type { TypeRule } from './rule.ts';

export type { Ctx, Duration, TypeRule } from './rule.ts';

/** Every resource type of the simulated clouds; a type without a rule is refused by name (TW9011). */
export const RULES: ReadonlyMap<string, TypeRule> = new Map(
  [...awsNetwork, ...awsIam, ...awsEks, ...awsDns, ...azureBasic, ...azureAks, ...gcpBasic, ...gcpGke].map((r) => [
    r.type,
    r,
  ]),
);
