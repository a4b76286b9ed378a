import type { Callers } from "../access/callers.ts";
import type { Logger } from "../core/log.ts";
import type { Tracer } from "../core/tracer.ts";
import type { Device } from "../domain/device.ts";
import type { MetricFacts } from "../metrics/metric.ts";
import type { HttpRoute } from "../serving/http-routes.ts";
import type { HandledMethod } from "../wire/method.ts";
import type { ReportFailure } from "../wire/unary.ts";
import type { CoordinatorView } from "./coordinator-view.ts";
import type { ResultsView } from "./results-view.ts";

/** Interfaces that processes provide to other programs. */
export interface FacePart {
  readonly grpc?: GrpcFace;
  readonly port?: PortFace;
  readonly http?: HttpFace;
  readonly traces?: TraceFace;
}

/** Spans of jobs and attempts, sent to a collector. */
interface TraceFace {
  /** Checks whether the environment enables traces. */
  isRequested(env: NodeJS.ProcessEnv): boolean;
  /** @param service name of the process, unless the environment sets another */
  open(service: string, log: Logger): Promise<Tracer>;
}

/** gRPC methods that a coordinator serves besides its own, on the same port. */
export interface GrpcFace {
  /** Methods by path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, FaceMethod>>;
  /** Loads the handlers of all methods, by path, at the first call. */
  load(view: FaceView): Promise<ReadonlyMap<string, HandledMethod>>;
  /** Token for callers that cannot send headers. Default: the token is in a header. */
  readonly token?: TokenInMessage;
}

/**
 * gRPC methods that serve results of jobs. They have a port and a thread of their own, because sending
 * gigabytes must not delay workers. The engine opens the port, with TLS if requested, and authorizes each
 * call.
 */
export interface PortFace {
  /** Methods by path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, FaceMethod>>;
  /** Name in messages, and in the services that a coordinator reports: `Arrow Flight`. */
  readonly title: string;
  /** Option of commands that start a coordinator. Its value is HOST:PORT. */
  readonly option: PortOption;
  readonly limits: PortLimits;
  /** Opens the handlers of all methods. The caller disposes them. */
  open(results: ResultsView, report: ReportFailure): Promise<PortHandlers>;
}

interface PortOption {
  /** Name without dashes: `flight`. */
  readonly name: string;
  /** Description in the help. */
  readonly says: string;
  /** Example in the help of `coordinator`. */
  readonly example: { readonly value: string; readonly says: string };
}

/** Limits of a port, besides those of all ports. */
interface PortLimits {
  /** Limit of a request in bytes. */
  readonly requestBytes: number;
  /** Limit of concurrent calls on one connection. */
  readonly streams: number;
  /** Limit of concurrent calls of one identity. */
  readonly openCalls: number;
}

export interface PortHandlers extends AsyncDisposable {
  readonly methods: ReadonlyMap<string, HandledMethod>;
}

/**
 * HTTP routes that a coordinator serves, besides health checks and browser sessions. The engine opens the
 * port of `--http`, and authorizes each request by its route's callers.
 */
export interface HttpFace {
  /** Names of the services, for the help of `--http`: `/metrics`, `the page`. */
  readonly serves: readonly string[];
  /** Command that a user needs next. Default: none. */
  readonly command?: HttpCommand;
  /** Loads the routes when the port opens. */
  load(view: CoordinatorView): Promise<readonly HttpRoute[]>;
  /** Loads the metrics that the routes expose, for the docs. Default: none. */
  loadMetrics?(): Promise<readonly MetricFacts[]>;
}

interface HttpCommand {
  /** Name: `page`. */
  readonly name: string;
  /** Purpose, as a coordinator prints it beside its addresses: `for its page`. */
  readonly purpose: string;
}

interface FaceMethod {
  readonly kind: "unary" | "serverStream";
  readonly callers: Callers;
}

interface TokenInMessage {
  /** Place of the token, for callers that sent none. */
  readonly hint: string;
  /** Returns the token in an unchecked request. Null: there is none. Never throws. */
  read(path: string, request: Uint8Array): Promise<string | null>;
}

/** View of the coordinator for handlers. */
export interface FaceView {
  /** Jobs that have not ended. */
  jobs(): readonly JobWork[];
  readonly report: ReportFailure;
}

/** Work of a job for workers. */
export interface JobWork {
  readonly description: { readonly device: Device };
  /** Uncommitted shards that workers hold or can lease now. */
  readonly openShards: number;
}
