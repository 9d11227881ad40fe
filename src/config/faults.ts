import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../kernel/index.ts';
import type { ConfigFault } from './model.ts';

type Issue = z.core.$ZodIssue;

function keysAt(shape: unknown, path: readonly PropertyKey[]): string[] {
  let node = shape as
    | { properties?: Record<string, unknown>; additionalProperties?: unknown; items?: unknown }
    | undefined;
  for (const step of path) {
    if (node === undefined) return [];
    const next = typeof step === 'number' ? node.items : (node.properties?.[String(step)] ?? node.additionalProperties);
    node = next as typeof node;
  }
  return Object.keys(node?.properties ?? {});
}

/** zod's issues → faults with the nearest valid key; `shape` is the JSON Schema of the config. */
export function faultsOf(issues: readonly Issue[], shape: unknown): ConfigFault[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      const valid = keysAt(shape, issue.path);
      return issue.keys.map((key) => {
        const near = nearest(key, valid);
        return { path: [...issue.path, key].join('.'), message: `unknown key "${key}"`, ...(near ? { near } : {}) };
      });
    }
    return [{ path: issue.path.join('.'), message: issue.message }];
  });
}

function yamlLine(source: string, path: string[]): number | undefined {
  const counter = new LineCounter();
  const doc = parseDocument(source, { lineCounter: counter });
  for (let depth = path.length; depth > 0; depth--) {
    const node = doc.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range !== undefined) return counter.linePos(node.range[0]).line;
  }
  return undefined;
}

/** In a program text the path's keys are followed one after the other: right for literal objects. */
function programLine(source: string, path: string[]): number | undefined {
  let at = 0;
  let found = false;
  for (const key of path.filter((k) => !/^\d+$/.test(k))) {
    const rest = source
      .slice(at)
      .search(new RegExp(`(^|[\\s{,])['"]?${key.replace(/[^\w-]/g, '.')}['"]?\\s*[:,}]`, 'm'));
    if (rest < 0) break;
    at += rest + 1;
    found = true;
  }
  return found ? source.slice(0, at + 1).split('\n').length : undefined;
}

/** Adds the line of each fault, as far as the source shows it. */
export function locate(faults: readonly ConfigFault[], source: string, kind: 'yaml' | 'program'): ConfigFault[] {
  return faults.map((fault) => {
    const path = fault.path.split('.');
    const line = kind === 'yaml' ? yamlLine(source, path) : programLine(source, path);
    return line === undefined ? fault : { ...fault, line };
  });
}
