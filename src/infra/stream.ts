/** terraform's machine-readable UI (`-json`, stream major 1) → typed events. Tolerant: a line that
 * is not understood is data, not an error. Source: developer.hashicorp.com/terraform/internals/machine-readable-ui */

export interface Diagnostic {
  severity: 'error' | 'warning';
  summary: string;
  detail: string;
  address?: string;
  file?: string;
  line?: number;
  /** Source line the diagnostic points at. */
  code?: string;
}
interface Op {
  address: string;
  /** Resource type. */
  kind: string;
  action: string;
}
export type TfEvent =
  | { type: 'version'; terraform: string; ui: string; product: 'terraform' | 'tofu' }
  | { type: 'init'; message: string; code: string }
  | ({ type: 'planned'; reason?: string; importing?: string; previous?: string } & Op)
  | ({ type: 'drift' } & Op)
  | ({ type: 'start' } & Op)
  | ({ type: 'progress'; seconds: number } & Op)
  | ({ type: 'complete'; seconds: number; id?: string } & Op)
  | ({ type: 'errored'; seconds: number } & Op)
  | { type: 'summary'; operation: string; add: number; change: number; remove: number; import: number }
  | { type: 'outputs'; names: string[] }
  | { type: 'diagnostic'; diagnostic: Diagnostic }
  | { type: 'log'; level: string; message: string }
  | { type: 'other'; name: string }
  | { type: 'unparsed'; text: string };

type Obj = Record<string, unknown>;
const isObj = (v: unknown): v is Obj => typeof v === 'object' && v !== null && !Array.isArray(v);
const obj = (v: unknown): Obj => (isObj(v) ? v : {});
const str = (v: unknown): string => (typeof v === 'string' ? v : '');
const num = (v: unknown): number => (typeof v === 'number' ? v : 0);

function op(holder: unknown): Op {
  const h = obj(holder);
  const r = obj(h['resource']);
  return { address: str(r['addr']), kind: str(r['resource_type']), action: str(h['action']) };
}

function diagnostic(raw: unknown): Diagnostic {
  const d = obj(raw);
  const range = obj(d['range']);
  const snippet = obj(d['snippet']);
  const start = obj(range['start']);
  return {
    severity: d['severity'] === 'warning' ? 'warning' : 'error',
    summary: str(d['summary']),
    detail: str(d['detail']),
    ...(typeof d['address'] === 'string' ? { address: d['address'] } : {}),
    ...(typeof range['filename'] === 'string' ? { file: range['filename'] } : {}),
    ...(typeof start['line'] === 'number' ? { line: start['line'] } : {}),
    ...(typeof snippet['code'] === 'string' ? { code: snippet['code'].trim() } : {}),
  };
}

function planned(raw: Obj): TfEvent {
  const change = obj(raw['change']);
  const previous = str(obj(change['previous_resource'])['addr']);
  const importing = str(obj(change['importing'])['id']);
  return {
    type: 'planned',
    ...op(change),
    ...(typeof change['reason'] === 'string' ? { reason: change['reason'] } : {}),
    ...(importing === '' ? {} : { importing }),
    ...(previous === '' ? {} : { previous }),
  };
}

function summary(raw: Obj): TfEvent {
  const c = obj(raw['changes']);
  return {
    type: 'summary',
    operation: str(c['operation']),
    add: num(c['add']),
    change: num(c['change']),
    remove: num(c['remove']),
    import: num(c['import']),
  };
}

function complete(raw: Obj): TfEvent {
  const hook = obj(raw['hook']);
  const id = str(hook['id_value']);
  return { type: 'complete', ...op(hook), seconds: num(hook['elapsed_seconds']), ...(id === '' ? {} : { id }) };
}

const READERS: Readonly<Record<string, (raw: Obj) => TfEvent>> = {
  version: (raw) => {
    const product = typeof raw['tofu'] === 'string' ? 'tofu' : 'terraform';
    return { type: 'version', terraform: str(raw[product]), ui: str(raw['ui']), product };
  },
  init_output: (raw) => ({ type: 'init', message: str(raw['@message']), code: str(raw['message_code']) }),
  planned_change: planned,
  resource_drift: (raw) => ({ type: 'drift', ...op(raw['change']) }),
  apply_start: (raw) => ({ type: 'start', ...op(raw['hook']) }),
  apply_progress: (raw) => ({
    type: 'progress',
    ...op(raw['hook']),
    seconds: num(obj(raw['hook'])['elapsed_seconds']),
  }),
  apply_complete: complete,
  apply_errored: (raw) => ({
    type: 'errored',
    ...op(raw['hook']),
    seconds: num(obj(raw['hook'])['elapsed_seconds']),
  }),
  change_summary: summary,
  outputs: (raw) => ({ type: 'outputs', names: Object.keys(obj(raw['outputs'])) }),
  diagnostic: (raw) => ({ type: 'diagnostic', diagnostic: diagnostic(raw['diagnostic']) }),
  log: (raw) => ({ type: 'log', level: str(raw['@level']), message: str(raw['@message']) }),
};

/** One line of the stream. Never throws. */
export function parseLine(line: string): TfEvent {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return { type: 'unparsed', text: line };
  }
  if (!isObj(raw) || typeof raw['type'] !== 'string') return { type: 'unparsed', text: line };
  const read = Object.hasOwn(READERS, raw['type']) ? READERS[raw['type']] : undefined;
  return read === undefined ? { type: 'other', name: raw['type'] } : read(raw);
}

/** Cuts a growing text into lines; a partial last line is kept until its end arrives. */
export function lineCutter(): { push(text: string): string[]; rest(): string } {
  let partial = '';
  return {
    push(text) {
      const parts = (partial + text).split('\n');
      partial = parts.pop() ?? '';
      return parts.filter((l) => l.trim() !== '');
    },
    rest() {
      const last = partial;
      partial = '';
      return last;
    },
  };
}

/** True when the stream's major is one we know (1). */
export const knownStream = (ui: string): boolean => /^1(\.|$)/.test(ui);
