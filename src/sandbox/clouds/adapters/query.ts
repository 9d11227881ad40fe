import type { CloudError } from '../model.ts';
import type { ApiDeps } from './api.ts';

/** One query-XML call of AWS after its signature was found right. */
export interface Call {
  d: ApiDeps;
  region: string;
  params: URLSearchParams;
}
/** The inner XML of an answer, or the error. */
export type Answer = string | CloudError;

export const escape = (s: string): string =>
  s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export const unknownAction = (params: URLSearchParams): CloudError => ({
  status: 400,
  code: 'InvalidAction',
  message: `Could not find operation ${params.get('Action')} for version ${params.get('Version')}`,
});
