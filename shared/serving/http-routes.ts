import type { Context } from "hono";
import type { AuditEvent } from "../access/audit-event.ts";
import type { CallerIdentity, Callers } from "../access/callers.ts";
import type { HttpBindings } from "./http-server.ts";

export type Proof = "credential" | "login" | "session";

/** Authenticated caller of a route. */
export interface HttpCaller {
  readonly identity: CallerIdentity;
  /** Proof that the caller gave. Credentials are secrets, tokens and certificates. */
  readonly by: Proof;
  /** Address and port. */
  readonly peer: string;
  /**
   * Authenticates the caller again, before each piece of a long response. @throws {TOKEN_REFUSED} when it
   * expired
   */
  confirm(): void;
  /** Records an action for the caller. */
  audit(event: AuditEvent): void;
}

export interface HttpEnv {
  Bindings: HttpBindings;
  Variables: { caller: HttpCaller };
}

/** Route with its callers. A route without `callers` does not compile. */
export interface HttpRoute {
  readonly method: "GET" | "POST" | "DELETE";
  /** Path in Hono's form: `/api/jobs/:job`. */
  readonly path: string;
  readonly callers: Callers;
  /** Proofs that the route accepts. Default: credentials and sessions. */
  readonly proofs?: readonly Proof[];
  handle(context: Context<HttpEnv>): Response | Promise<Response>;
}
