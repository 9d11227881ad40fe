import { nearest } from '../../kernel/index.ts';
import { copy, type Dict, equal, isDict } from './objects.ts';

export interface PatchOp {
  op: string;
  path: string;
  from?: string | undefined;
  value?: unknown;
}
/** A patch that does not fit; `near` is the nearest path that exists. */
export class PatchMisfit extends Error {
  readonly near: string | undefined;
  constructor(message: string, near?: string) {
    super(message);
    this.name = 'PatchMisfit';
    this.near = near;
  }
}

const decode = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');
const encode = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');

function parse(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw new PatchMisfit(`path "${path}" does not start with /`, `/${path}`);
  return path.slice(1).split('/').map(decode);
}

function misfit(parent: unknown, parts: readonly string[], last: string): PatchMisfit {
  const at = `/${[...parts, last].map(encode).join('/')}`;
  const keys = isDict(parent) ? Object.keys(parent) : Array.isArray(parent) ? parent.map((_, i) => String(i)) : [];
  const near = nearest(last, keys) ?? keys[0];
  return new PatchMisfit(
    `path ${at} does not exist`,
    near === undefined ? undefined : `/${[...parts, near].map(encode).join('/')}`,
  );
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return /^\d+$/.test(key) ? parent[Number(key)] : undefined;
  return isDict(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

function parentOf(root: unknown, parts: readonly string[]): unknown {
  let at = root;
  for (const [i, part] of parts.slice(0, -1).entries()) {
    const next = child(at, part);
    if (next === undefined) throw misfit(at, parts.slice(0, i), part);
    at = next;
  }
  return at;
}

function read(root: unknown, parts: readonly string[]): unknown {
  if (parts.length === 0) return root;
  const parent = parentOf(root, parts);
  const value = child(parent, parts.at(-1) ?? '');
  if (value === undefined) throw misfit(parent, parts.slice(0, -1), parts.at(-1) ?? '');
  return value;
}

function insert(parent: unknown, key: string, value: unknown, parts: readonly string[]): void {
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : /^\d+$/.test(key) ? Number(key) : -1;
    if (index < 0 || index > parent.length) throw misfit(parent, parts.slice(0, -1), key);
    parent.splice(index, 0, value);
  } else if (isDict(parent)) parent[key] = value;
  else throw misfit(parent, parts.slice(0, -1), key);
}

function drop(parent: unknown, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isDict(parent)) delete parent[key];
}

interface Place {
  root: unknown;
  parts: string[];
  key: string;
}

function replace({ root, parts, key }: Place, value: unknown): void {
  read(root, parts);
  const parent = parentOf(root, parts);
  if (Array.isArray(parent)) parent[Number(key)] = copy(value);
  else (parent as Dict)[key] = copy(value);
}

function transfer({ root, parts, key }: Place, from: readonly string[], move: boolean): void {
  const value = copy(read(root, from));
  if (move) drop(parentOf(root, from), from.at(-1) ?? '');
  insert(parentOf(root, parts), key, value, parts);
}

const OPS: Readonly<Record<string, (at: Place, op: PatchOp) => void>> = {
  add: (at, op) => insert(parentOf(at.root, at.parts), at.key, copy(op.value), at.parts),
  replace: (at, op) => replace(at, op.value),
  remove: (at) => {
    read(at.root, at.parts);
    drop(parentOf(at.root, at.parts), at.key);
  },
  move: (at, op) => transfer(at, parse(op.from ?? ''), true),
  copy: (at, op) => transfer(at, parse(op.from ?? ''), false),
  test: (at, op) => {
    if (!equal(read(at.root, at.parts), op.value)) throw new PatchMisfit(`test failed at ${op.path}`);
  },
};

function step(root: unknown, op: PatchOp): void {
  const parts = parse(op.path);
  const run = OPS[op.op];
  if (run === undefined)
    throw new PatchMisfit(`"${op.op}" is no JSON Patch operation`, nearest(op.op, Object.keys(OPS)));
  run({ root, parts, key: parts.at(-1) ?? '' }, op);
}

/** RFC 6902 on a copy. Throws PatchMisfit with the nearest path. */
export function jsonPatch<T>(target: T, ops: readonly PatchOp[]): T {
  const out = { root: copy(target) as unknown };
  for (const op of ops) {
    if (op.path === '') throw new PatchMisfit('the whole object cannot be patched away');
    step(out.root, op);
  }
  return out.root as T;
}

/** RFC 7386: `null` deletes. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return copy(patch);
  const out: Dict = isDict(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  }
  return out;
}
