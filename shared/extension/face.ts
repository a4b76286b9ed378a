import type { Role } from "../access/roles.ts";
import type { Logger } from "../core/log.ts";
import type { Tracer } from "../core/tracer.ts";
import type { Device } from "../domain/device.ts";
import type { HandledMethod } from "../wire/method.ts";
import type { ReportFailure } from "../wire/unary.ts";

/**
 * Who may call a method: `anyone` who reaches the port, `known` callers of any role, or callers of one role.
 * A method for `anyone` tells nothing about jobs, workers or files.
 */
export type Callers = "anyone" | "known" | Role;

/** Methods and spans that processes show to other programs. */
export interface FacePart {
  readonly grpc?: GrpcFace;
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
