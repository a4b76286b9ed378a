import type { Context } from "hono";
import type { AuditEvent } from "../../coordinator/access/audit-log.ts";
import type { Identity } from "../../coordinator/access/judge.ts";
import type { Callers } from "../extension/face.ts";
import type { HttpBindings } from "./http-server.ts";

export type Proof = "credential" | "login" | "session";

/** What the guard found of a request. */
export interface HttpCaller {
  readonly identity: Identity;
  /** How the caller proved it. Credentials are secrets, tokens and certificates. */
  readonly by: Proof;
  /** Address and port. */
  readonly peer: string;
  /** Before each piece of a long answer. @throws {TOKEN_REFUSED} when it is shut out by now */
  confirm(): void;
  /** Writes down what was done for it. */
  audit(event: AuditEvent): void;
}

export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: { caller: HttpCaller };
}

/** One thing that can be asked for, and by whom: a route without `callers` does not compile. */
export interface HttpRoute {
  readonly method: "GET" | "POST" | "DELETE";
  /** As Hono has them: `/api/jobs/:job`. */
  readonly path: string;
  readonly callers: Callers;
  /** Proofs that the route accepts. Default: credentials and sessions. */
  readonly proofs?: readonly Proof[];
  handle(context: Context<HttpEnv>): Response | Promise<Response>;
}
