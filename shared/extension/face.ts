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

/** Methods and spans that processes show to other programs. */
export interface FacePart {
  readonly grpc?: GrpcFace;
  readonly port?: PortFace;
  readonly http?: HttpFace;
  readonly traces?: TraceFace;
}

/** Spans of jobs and attempts, sent to a collector. */
interface TraceFace {
  /** Returns whether the environment asks for traces. */
  isAsked(env: NodeJS.ProcessEnv): boolean;
  /** @param service name of the process, unless the environment gives another */
  open(service: string, log: Logger): Promise<Tracer>;
}

/** gRPC methods that a coordinator serves beside its own, on the same port. */
export interface GrpcFace {
  /** Methods by path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, FaceMethod>>;
  /** Loads the handlers of all methods, by path, when one is called first. */
  load(view: FaceView): Promise<ReadonlyMap<string, HandledMethod>>;
  /** How callers that cannot send headers send their token. Default: in a header, as all others do. */
  readonly token?: TokenInMessage;
}

/**
 * gRPC methods that serve results of jobs, on a port and in a thread of their own: sending gigabytes must not
 * hold up workers. The engine opens the port, by TLS where it is asked to, and judges each call.
 */
export interface PortFace {
  /** Methods by path: `/package.Service/Method`. */
  readonly methods: Readonly<Record<string, FaceMethod>>;
  /** Name in messages, and by which a coordinator tells its clients of the port: `Arrow Flight`. */
  readonly title: string;
  /** Option of commands that coordinate. Its value is HOST:PORT. */
  readonly option: PortOption;
  readonly limits: PortLimits;
  /** Opens the handlers of all methods. The caller disposes them. */
  open(results: ResultsView, report: ReportFailure): Promise<PortHandlers>;
}

interface PortOption {
  /** Name, without dashes: `flight`. */
  readonly name: string;
  /** Description in the help. */
  readonly says: string;
  /** Example in the help of `coordinator`. */
  readonly example: { readonly value: string; readonly says: string };
}

/** Limits of a port, beside those of all ports. */
interface PortLimits {
  /** Size of a request. */
  readonly requestBytes: number;
  /** Calls of one connection that are open at once. */
  readonly streams: number;
  /** Calls of one identity that are open at once. */
  readonly openCalls: number;
}

export interface PortHandlers extends AsyncDisposable {
  readonly methods: ReadonlyMap<string, HandledMethod>;
}

/**
 * Routes that a coordinator serves by HTTP, beside health checks and sessions of browsers. The engine opens
 * the port that `--http` asks for, and judges each request by the callers of its route.
 */
export interface HttpFace {
  /** Names of what is served, for the help of `--http`: `/metrics`, `the page`. */
  readonly serves: readonly string[];
  /** Command that a user needs next. Default: none. */
  readonly command?: HttpCommand;
  /** Loads the routes, when the port is opened. */
  load(view: CoordinatorView): Promise<readonly HttpRoute[]>;
  /** Loads the metrics that the routes show, for the docs. Default: none. */
  loadMetrics?(): Promise<readonly MetricFacts[]>;
}

interface HttpCommand {
  /** Name: `page`. */
  readonly name: string;
  /** Purpose, where a coordinator prints its addresses: `for its page`. */
  readonly purpose: string;
}

interface FaceMethod {
  readonly kind: "unary" | "serverStream";
  readonly callers: Callers;
}

interface TokenInMessage {
  /** Where the token belongs, for callers that sent none. */
  readonly hint: string;
  /** Returns the token in a request that nobody has checked yet; null where there is none. Throws nothing. */
  read(path: string, request: Uint8Array): Promise<string | null>;
}

/** View that handlers have of the coordinator. */
export interface FaceView {
  /** Jobs that have not ended. */
  jobs(): readonly JobWork[];
  readonly report: ReportFailure;
}

/** Work that a job has for workers. */
export interface JobWork {
  readonly description: { readonly device: Device };
  /** Shards that workers have or can have now, and that are not committed. */
  readonly openShards: number;
}
