import type { KubeObject } from '../model.ts';
import { type Dict, dictOf, listOf, podTemplateOf, textOf } from './objects.ts';

/** Labels of the pods a workload makes. */
export const podLabels = (o: KubeObject): Dict => dictOf(dictOf(podTemplateOf(o)?.['metadata'])['labels']);

/** A map of labels, such as a Service's selector; an empty one selects nothing. */
export function hasLabels(wanted: Dict, labels: Dict): boolean {
  const pairs = Object.entries(wanted);
  return pairs.length > 0 && pairs.every(([k, v]) => labels[k] === v);
}

function holds(e: Dict, labels: Dict): boolean {
  const value = textOf(labels[textOf(e['key']) ?? '']);
  const values = Array.isArray(e['values']) ? e['values'] : [];
  switch (e['operator']) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    default:
      return value === undefined;
  }
}

/** A LabelSelector with matchLabels and matchExpressions; an empty one selects everything. */
export function selects(selector: Dict, labels: Dict): boolean {
  const equal = Object.entries(dictOf(selector['matchLabels'])).every(([k, v]) => labels[k] === v);
  return equal && listOf(selector['matchExpressions']).every((e) => holds(e, labels));
}
