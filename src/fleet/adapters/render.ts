import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Document, LineCounter, parseAllDocuments, type Tags } from 'yaml';
import { causes, clean, fault, nearest, type TwError } from '../../kernel/index.ts';
import type { KubeObject, Rendered } from '../model.ts';
import { isDict, listOf } from '../plan/objects.ts';
import type { Renderer } from '../ports.ts';

const run = promisify(execFile);
const LIMIT_MS = 60_000;
const OUTPUT = 64 * 1024 * 1024;
const KUSTOMIZATION = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];
const TOP = ['apiVersion', 'kind', 'metadata', 'spec', 'data', 'stringData', 'type', 'rules', 'subjects', 'roleRef'];

function invalid(file: string, line: number, why: string, path?: string): TwError {
  return fault('TW3001', {
    value: `${file}:${line}`,
    where: [{ file, line, ...(path === undefined ? {} : { path }) }],
    why: [why],
  });
}

const hint = (word: string): string => {
  const near = nearest(word, TOP);
  return near === undefined || near === word ? '' : `; did you mean "${near}"?`;
};

/** The first thing that keeps a document from being a Kubernetes object. */
function misshape(o: Record<string, unknown>): { path: string; why: string } | undefined {
  for (const field of ['apiVersion', 'kind']) {
    if (typeof o[field] === 'string' && o[field] !== '') continue;
    const typo = Object.keys(o).find((k) => !TOP.includes(k) && nearest(k, [field]) !== undefined);
    return { path: field, why: `${field} is missing${typo === undefined ? '' : `; there is "${typo}"${hint(typo)}`}` };
  }
  const meta = o['metadata'];
  if (!isDict(meta)) return { path: 'metadata', why: 'metadata is missing' };
  if (typeof meta['name'] !== 'string' || meta['name'] === '')
    return { path: 'metadata.name', why: 'metadata.name is missing' };
  return undefined;
}

function objectsOf(doc: Document.Parsed, file: string, line: number): Rendered[] {
  const value: unknown = doc.toJS();
  if (value === null || value === undefined) return [];
  if (!isDict(value)) throw invalid(file, line, 'a manifest is a mapping of fields');
  if (value['kind'] === 'List' && value['apiVersion'] === 'v1')
    return listOf(value['items']).map((item) => checked(item, file, line));
  return [checked(value, file, line)];
}

function checked(value: Record<string, unknown>, file: string, line: number): Rendered {
  const wrong = misshape(value);
  if (wrong !== undefined) throw invalid(file, line, wrong.why, wrong.path);
  return { body: value as unknown as KubeObject, origin: { file, line } };
}

/** YAML 1.1 as Kubernetes reads it: `0644` is octal and `yes` is true, but `1:30` and dates stay text. */
const kubernetesTags = (tags: Tags): Tags =>
  tags.filter(
    (t) =>
      typeof t === 'string' || (t.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in t && t.format === 'TIME')),
  );

/** Objects of a multi-document YAML text, with their lines. Throws TW3001. */
export function parseManifests(text: string, file: string): Rendered[] {
  const lines = new LineCounter();
  const docs = parseAllDocuments(text, { lineCounter: lines, version: '1.1', customTags: kubernetesTags });
  if (!Array.isArray(docs)) return [];
  return docs.flatMap((doc) => {
    const broken = doc.errors[0];
    if (broken !== undefined)
      throw invalid(file, lines.linePos(broken.pos[0]).line, broken.message.split('\n')[0] ?? 'broken YAML');
    const start = doc.contents?.range?.[0] ?? doc.range[0];
    return objectsOf(doc, file, lines.linePos(start).line);
  });
}

const isYaml = (name: string): boolean => /\.(ya?ml|json)$/.test(name);

function filesIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((e) => (e.isDirectory() ? filesIn(join(path, e.name)) : isYaml(e.name) ? [join(path, e.name)] : []));
}

function readFolder(path: string): { objects: Rendered[]; bytes: string } {
  const files = statSync(path).isDirectory() ? filesIn(path) : [path];
  const texts = files.map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  return {
    objects: texts.flatMap(({ file, text }) => parseManifests(text, file)),
    bytes: texts.map((t) => t.text).join('\n---\n'),
  };
}

interface Built {
  /** Two renders of the same input. */
  texts: [string, string];
  tool: string;
}

/** EACCES is also what a folder on PATH gives that this person may not search. */
const NOT_THERE = new Set(['ENOENT', 'EACCES']);

/** The folder built twice, side by side, by kustomize or by the one inside kubectl; undefined: there is neither. */
async function built(path: string): Promise<Built | undefined> {
  const tools = [
    { file: 'kustomize', build: ['build'], probe: ['version'] },
    { file: 'kubectl', build: ['kustomize'], probe: ['version', '--client', '-o', 'json'] },
  ];
  const call = async (file: string, args: readonly string[]): Promise<string> =>
    // Plugins that run programs stay off (their default); no shell is involved.
    (await run(file, args, { timeout: LIMIT_MS, maxBuffer: OUTPUT })).stdout;
  for (const { file, build, probe } of tools) {
    const work = [probe, [...build, path], [...build, path]].map((args) => call(file, args));
    try {
      const [said = '', one = '', two = ''] = await Promise.all(work);
      return { texts: [one, two], tool: `kustomize ${versionIn(said)}` };
    } catch (e) {
      if (!NOT_THERE.has((e as NodeJS.ErrnoException).code ?? '')) throw e;
    }
  }
  return undefined;
}

const versionIn = (said: string): string =>
  /v\d+\.\d+\.\d+/.exec(/kustomizeVersion": "([^"]+)/.exec(said)?.[1] ?? said)?.[0] ?? '';

function tail(e: unknown): string[] {
  const stderr = isDict(e) && typeof e['stderr'] === 'string' ? e['stderr'] : '';
  const lines = stderr
    .split('\n')
    .filter((l) => l.trim() !== '')
    .slice(-3);
  return lines.length > 0 ? lines.map((l) => clean(l)) : causes(e);
}

async function kustomize(path: string): Promise<{ objects: Rendered[]; bytes: string; tool: string }> {
  const found = await built(path).catch((e: unknown) => {
    if (isDict(e) && 'stderr' in e)
      throw fault('TW3002', { value: path, where: [{ file: path }], why: tail(e), cause: e });
    throw e;
  });
  if (found === undefined)
    throw fault('TW3002', {
      value: 'kustomize',
      where: [{ file: path }],
      why: ['neither kustomize nor kubectl is on the PATH'],
      fix: [{ say: 'Install kubectl (it contains kustomize).' }],
    });
  const [one, two] = found.texts;
  if (one !== two) {
    const line = one.split('\n').findIndex((l, i) => l !== two.split('\n')[i]);
    throw fault('TW3002', {
      value: path,
      where: [{ file: path, line: line + 1 }],
      why: ['two renders of the same input differ'],
    });
  }
  return { objects: parseManifests(one, path), bytes: one, tool: found.tool };
}

/** Renders YAML files, folders of them, and kustomize folders. Nothing is contacted. */
export function createRenderer(): Renderer {
  return {
    render: async (app, manifests) => {
      const hash = createHash('sha256');
      const objects: Rendered[] = [];
      const tools = new Set<string>();
      for (const path of manifests) {
        if (!existsSync(path))
          throw fault('TW3002', {
            value: path,
            where: [{ file: path, resource: app }],
            why: ['there is no such file or folder'],
          });
        const isKustomize = statSync(path).isDirectory() && KUSTOMIZATION.some((k) => existsSync(join(path, k)));
        const part = isKustomize ? await kustomize(path) : { ...readFolder(path), tool: 'yaml' };
        objects.push(...part.objects);
        tools.add(part.tool);
        hash.update(part.bytes).update('\0');
      }
      return { objects, tool: [...tools].join(', '), inputHash: `sha256:${hash.digest('hex')}` };
    },
  };
}
