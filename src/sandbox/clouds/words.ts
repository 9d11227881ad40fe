import type { CloudError, Obj, Verb, Who } from './model.ts';
import type { TypeRule } from './rules/index.ts';
import { str } from './values.ts';

/** A terraform diagnostic as the provider binary passes it on. */
export interface Diagnostic {
  severity: 'error' | 'warning';
  summary: string;
  detail: string;
  path?: string;
}
export const errorOf = (summary: string, detail = ''): Diagnostic => ({ severity: 'error', summary, detail });

const DOING: Record<Verb, string> = { create: 'creating', update: 'updating', delete: 'deleting' };
const STATUS: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export interface Case {
  rule: TypeRule;
  verb: Verb;
  who: Who;
  /** Id of the object, or its name before it has one. */
  id: string;
  attrs: Obj;
  requestId: string;
}

/** An error of the request itself, in the words of the cloud's provider. */
export function refused(c: Case, e: CloudError): Diagnostic {
  if (e.code.startsWith('TW')) return errorOf(`${e.code} ${e.message}`);
  if (e.status === 0 || e.code === 'invalid_grant') return errorOf(e.message);
  if (c.who.cloud === 'aws') return errorOf(`${DOING[c.verb]} ${c.rule.words.label} (${c.id}): ${awsCall(c, e)}`);
  if (c.who.cloud === 'azure') return azureRefused(c, e);
  const said = e.message.startsWith('googleapi: ')
    ? e.message
    : `googleapi: Error ${e.status}: ${e.message}, ${e.code}`;
  return errorOf(`Error ${DOING[c.verb]} ${c.rule.words.label}: ${said}`);
}

/** Typed exceptions of the newer services stand for themselves; the query services say `api error`. */
function awsCall(c: Case, e: CloudError): string {
  const service = c.rule.words.service ?? 'EC2';
  const call = c.rule.words.calls?.[c.verb] ?? c.verb;
  const typed = e.code.endsWith('Exception') || (service === 'IAM' && e.status !== 400) || service === 'Route 53';
  return `operation error ${service}: ${call}, https response error StatusCode: ${e.status}, RequestID: ${c.requestId}, ${typed ? '' : 'api error '}${e.code}: ${e.message}`;
}

function azureRefused(c: Case, e: CloudError): Diagnostic {
  if (e.code === 'RequiresImport' || e.code === 'ContainsResources') return errorOf(e.message);
  const call = c.verb === 'delete' ? 'Delete' : 'CreateOrUpdate';
  return errorOf(
    `${DOING[c.verb]} ${azureName(c)}: performing ${call}: unexpected status ${e.status} (${e.status} ${STATUS[e.status] ?? ''}) with error: ${e.code}: ${e.message}`,
  );
}

function azureName(c: Case): string {
  const group = str(c.attrs.resource_group_name) || /\/resourceGroups\/([^/]+)/.exec(c.id)?.[1];
  const lines = [
    `Subscription: "${c.who.account}"`,
    ...(group ? [`Resource Group Name: "${group}"`] : []),
    `${c.rule.words.label} Name: "${str(c.attrs.name)}"`,
  ];
  return `${c.rule.words.label} (${lines.join('\n')})`;
}

/** The operation was accepted and failed later, or its caller gave up. */
export function failedLater(c: Case, e: CloudError): Diagnostic {
  if (e.code === 'Timeout' || e.code === 'Canceled') return waiting(c, e.message);
  if (c.verb === 'delete') return refused(c, e);
  if (c.who.cloud === 'aws') {
    const what = c.verb.toUpperCase();
    return waiting(c, `unexpected state '${what}_FAILED', wanted target 'ACTIVE'. last error: ${e.code}: ${e.message}`);
  }
  if (c.who.cloud === 'azure') {
    return errorOf(
      `${DOING[c.verb]} ${azureName(c)}: polling after CreateOrUpdate: polling failed: the Azure API returned the following error:\n\nStatus: "${e.code}"\nCode: ""\nMessage: "${e.message}"`,
    );
  }
  return errorOf(`Error waiting for ${DOING[c.verb]} ${c.rule.words.label}: ${e.message}`);
}

function waiting(c: Case, why: string): Diagnostic {
  if (c.who.cloud === 'aws') return errorOf(`waiting for ${c.rule.words.label} (${c.id}) ${c.verb}: ${why}`);
  if (c.who.cloud === 'azure') {
    const call = c.verb === 'delete' ? 'Delete' : 'CreateOrUpdate';
    return errorOf(
      `${DOING[c.verb]} ${azureName(c)}: polling after ${call}: ${why === 'context canceled' ? why : 'context deadline exceeded'}`,
    );
  }
  return errorOf(`Error waiting for ${DOING[c.verb]} ${c.rule.words.label}: ${why}`);
}

export const canceled: CloudError = { status: 499, code: 'Canceled', message: 'context canceled' };
