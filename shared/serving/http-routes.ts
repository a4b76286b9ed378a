import type { Context } from "hono";
import type { AuditEvent } from "../access/audit-event.ts";
import type { CallerIdentity, Callers } from "../access/callers.ts";
import type { HttpBindings } from "./http-server.ts";

export type Proof = "credential" | "login" | "session";

/** Caller of a route, as the guard found it. */
export interface HttpCaller {
  readonly identity: CallerIdentity;
  /** How the caller proved it. Credentials are secrets, tokens and certificates. */
  readonly by: Proof;
  /** Address and port. */
  readonly peer: string;
  /** Checks the caller again, before each piece of a long answer. @throws {TOKEN_REFUSED} */
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
