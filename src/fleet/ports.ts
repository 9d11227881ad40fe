import type { Duplex } from 'node:stream';
import type { SecretRef } from '../config/index.ts';
import type { Clock, ClusterName } from '../kernel/index.ts';
import type { KindRef, KubeObject, PodRef, Ref, Rendered } from './model.ts';

/** What must be true of the live object; `any` only for dry runs and objects that are ours alone. */
export type Expect = 'any' | 'absent' | { uid: string; resourceVersion?: string };

export interface ApplyOptions {
  manager: string;
  dryRun: boolean;
  force: boolean;
  expect: Expect;
}
export interface Applied {
  object: KubeObject;
  created: boolean;
  /** Certain that nothing would change (dry run) or did change; `undefined` = cannot tell, compare with a GET. */
  unchanged?: boolean;
}
export interface Selector {
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
}
export interface ApiKind extends KindRef {
  version: string;
  plural: string;
  namespaced: boolean;
}
export interface ApiIndex {
  /** Such as `v1.36.3`. */
  serverVersion: string;
  kinds: readonly ApiKind[];
}
export type JsonPatch = readonly { op: string; path: string; value?: unknown; from?: string }[];

export interface LogOptions {
  follow: boolean;
  /** RFC 3339, whole seconds count. */
  sinceTime?: string;
  tailLines?: number;
  previous?: boolean;
}
export interface ExecOptions {
  argv: readonly string[];
  stdin?: AsyncIterable<Uint8Array>;
  tty?: boolean;
  stdout(chunk: Uint8Array): void;
  stderr(chunk: Uint8Array): void;
  signal: AbortSignal;
}

/** A TCP port of a pod. */
export interface PodPort {
  namespace: string;
  pod: string;
  port: number;
}

/**
 * One cluster's API. Every method throws KubeError; a lost page, a 401 or a broken connection is
 * never an empty answer. Objects handed in are not kept and not changed.
 */
export interface KubeApi {
  /** `undefined` only on 404 of exactly this name. */
  get(ref: Ref): Promise<KubeObject | undefined>;
  /** All objects, over all pages. `kind` not served: KubeError 404. */
  list(kind: KindRef, selector: Selector): Promise<KubeObject[]>;
  /** POST: makes the object only when there is none of this name, else KubeError 409; unknown fields are refused. */
  create(object: KubeObject, manager: string): Promise<KubeObject>;
  /** Server-side apply; unknown fields are refused (strict). */
  apply(object: KubeObject, options: ApplyOptions): Promise<Applied>;
  /** DELETE with preconditions. `gone` also when it was gone before; another uid: KubeError 409. */
  remove(
    ref: Ref,
    x: { uid: string; resourceVersion?: string; cascade: 'background' | 'foreground' | 'orphan' },
  ): Promise<'gone' | 'terminating'>;
  /** JSON Patch; a failed `test` is KubeError 422. */
  patch(ref: Ref, ops: JsonPatch, manager: string): Promise<KubeObject>;
  index(): Promise<ApiIndex>;
  /** Raw lines, each starting with its RFC 3339 nano time and a blank. */
  logs(pod: PodRef, options: LogOptions, signal: AbortSignal): AsyncIterable<string>;
  /** Exit code of the command. */
  exec(pod: PodRef, options: ExecOptions): Promise<number>;
  /**
   * GET at a port of a pod, through the API server: the body as text. An answer that is not success is a
   * KubeError with its status, whoever gave it; the signal ends it as status 0.
   */
  proxyGet(at: PodPort, path: string, signal?: AbortSignal): Promise<string>;
  /** A TCP connection to a port of a pod, through the API server; a KubeError ends it. It can be written to at once. */
  forward(at: PodPort): Duplex;
  close(): Promise<void>;
}

/** An answer of the API server that is not success; status 0 = no answer at all. */
export class KubeError extends Error {
  readonly status: number;
  /** Kubernetes' reason: NotFound, Conflict, Invalid, … or Unreachable. */
  readonly reason: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  /** `details.causes` of the Status. */
  readonly causes: readonly { reason?: string; field?: string; message?: string }[];

  constructor(status: number, reason: string, message: string, more: KubeErrorDetails = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
    this.retryAfter = more.retryAfter;
    this.causes = more.causes ?? [];
  }
}
export interface KubeErrorDetails {
  retryAfter?: number;
  causes?: readonly { reason?: string; field?: string; message?: string }[];
  cause?: unknown;
}

/** Where and as whom to reach a cluster; given by infra. `ca` is PEM in base64, `expiresAt` Unix ms. */
export interface Access {
  url: string;
  ca: string;
  tlsName?: string;
  token: string;
  expiresAt: number;
}
export interface Credentials {
  get(cluster: ClusterName, why: 'first' | 'expiring' | '401'): Promise<Access>;
}

/** Renders manifests: files, folders, kustomize folders. Throws TW3001, TW3002. */
export interface Renderer {
  render(app: string, manifests: readonly string[]): Promise<{ objects: Rendered[]; tool: string; inputHash: string }>;
}

/** What the engine functions need from outside. */
export interface FleetPorts {
  clock: Clock;
  renderer: Renderer;
  /** Value of a secret reference of the config. */
  secret(ref: SecretRef): string;
  /** Secret of this fleet; keys the HMAC of Secret values in plan ids and inventories. */
  key: string;
}
