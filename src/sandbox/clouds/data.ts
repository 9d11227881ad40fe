import type { Accounts } from './credentials.ts';
import { drawOf } from './draw.ts';
import type { Data, Obj, Who, World } from './model.ts';
import { zonesOf } from './offers.ts';
import { zoneId } from './rules/aws-network.ts';
import { isObj, str, strings } from './values.ts';

interface Query {
  config: Obj;
  who: Who;
  accounts: Accounts;
  world: World;
}

/** Data sources by type: the computed members of the answer. */
export const DATA: Record<string, (q: Query) => Obj> = {
  aws_availability_zones: ({ config, who }) => {
    const region = str(config.region) || who.region;
    const names = zonesOf('aws', region).filter((z) => !strings(config.exclude_names).includes(z));
    return { id: region, region, names, zone_ids: names.map(zoneId), group_names: [`${region}-zg-1`] };
  },
  aws_caller_identity: ({ who, accounts }) => ({
    id: who.account,
    account_id: who.account,
    arn: who.principal,
    user_id: accounts.aws.userId,
  }),
  aws_iam_policy_document: ({ config }) => {
    const json = policyDocument(config);
    return {
      id: drawOf(0, JSON.stringify(json)).digits('policy', 10),
      json: JSON.stringify(json, null, 2),
      minified_json: JSON.stringify(json),
      version: json.Version,
    };
  },
  azurerm_client_config: ({ who, accounts }) => ({
    id: btoa(
      `clientConfigs/clientId=${accounts.azure.clientId};objectId=${accounts.azure.objectId};subscriptionId=${who.account};tenantId=${who.tenant}`,
    ),
    client_id: accounts.azure.clientId,
    object_id: accounts.azure.objectId,
    subscription_id: who.account,
    tenant_id: who.tenant,
  }),
  google_client_config: ({ who, world }) => ({
    id: `projects/${who.account}/regions/${who.region}/zones/`,
    access_token: `ya29.${drawOf(world.setting.seed, `client config ${who.caller}`).hex('token', 40)}`,
    default_labels: who.tags,
    project: who.account,
    region: who.region,
    zone: '',
  }),
  google_project: ({ config, who, accounts }) => {
    const id = (str(config.project_id) || who.account).replace(/^projects\//, '');
    return {
      id: `projects/${id}`,
      project_id: id,
      number: id === accounts.google.project ? accounts.google.number : drawOf(0, id).digits('number', 12),
      name: id,
      auto_create_network: null,
      billing_account: '',
      deletion_policy: 'PREVENT',
      effective_labels: {},
      folder_id: '',
      labels: {},
      org_id: '',
      tags: null,
      terraform_labels: {},
    };
  },
};

interface Statement {
  [key: string]: Data;
}

function policyDocument(config: Obj): { Version: string; Statement: Statement[] } {
  const own = (Array.isArray(config.statement) ? config.statement : []).filter(isObj).map(statement);
  const sources = strings(config.source_policy_documents).flatMap((text): Statement[] => {
    const doc: unknown = JSON.parse(text);
    const s = (doc as { Statement?: Statement | Statement[] }).Statement ?? [];
    return Array.isArray(s) ? s : [s];
  });
  return { Version: str(config.version) || '2012-10-17', Statement: [...sources, ...own] };
}

const oneOrMany = (v: string[]): Data => (v.length === 1 ? (v[0] ?? '') : v.toSorted());

function statement(s: Obj): Statement {
  const out: Statement = {};
  if (str(s.sid)) out.Sid = str(s.sid);
  out.Effect = str(s.effect) || 'Allow';
  for (const [key, name] of [
    ['actions', 'Action'],
    ['not_actions', 'NotAction'],
    ['resources', 'Resource'],
    ['not_resources', 'NotResource'],
  ] as const) {
    if (strings(s[key]).length > 0) out[name] = oneOrMany(strings(s[key]));
  }
  for (const [key, name] of [
    ['principals', 'Principal'],
    ['not_principals', 'NotPrincipal'],
  ] as const) {
    const list = (Array.isArray(s[key]) ? s[key] : []).filter(isObj);
    if (list.length > 0)
      out[name] = Object.fromEntries(list.map((p) => [str(p.type), oneOrMany(strings(p.identifiers))]));
  }
  const condition = conditions(s);
  if (condition) out.Condition = condition;
  return out;
}

function conditions(s: Obj): Data | undefined {
  const list = (Array.isArray(s.condition) ? s.condition : []).filter(isObj);
  const byTest: { [test: string]: { [variable: string]: Data } } = {};
  for (const c of list)
    byTest[str(c.test)] = { ...byTest[str(c.test)], [str(c.variable)]: oneOrMany(strings(c.values)) };
  return list.length > 0 ? byTest : undefined;
}
