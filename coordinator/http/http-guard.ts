import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { HttpCaller, HttpEnv, HttpRoute, Proof } from "../../shared/serving/http-routes.ts";
import { askerOf } from "../../shared/serving/http-server.ts";
import type { TlsListener } from "../../shared/serving/tls-listener.ts";
import type { ReportFailure } from "../../shared/wire/unary.ts";
import { type AuditLog, refusedAs } from "../access/audit-log.ts";
import type { BrowserPasses } from "../access/browser-passes.ts";
import type { CallRates } from "../access/call-rates.ts";
import type { Identity, Judge } from "../access/judge.ts";
import { bearerOf, cookieName } from "./session-routes.ts";

/** Header that only the page sets: a form or a link of another site cannot send it. */
const FROM_PAGE = "x-shardmill-page";

interface HttpGuardOptions {
  readonly judge: Judge;
  readonly passes: BrowserPasses;
  readonly audit: AuditLog;
  readonly report: ReportFailure;
  readonly tlsListener: TlsListener | null;
  readonly rates: CallRates;
}

/** Checks requests by route and headers, before a body is read, like the gRPC interceptor. */
export class HttpGuard {
  readonly #options: HttpGuardOptions;

  constructor(options: HttpGuardOptions) {
    this.#options = options;
  }

  /** @throws like {@link Judge.identify}, when the caller may not use the route */
  admit(context: Context<HttpEnv>, { method, path, callers, proofs = USUAL }: HttpRoute): HttpCaller {
    const { judge, tlsListener, audit, report, rates } = this.#options;
    const what = `${method} ${path}`;
    const peer = askerOf(context.env);
    let identity: Identity = { name: "nobody", token: null };
    let by: Proof = "credential";
    try {
      if (callers === "anyone") rates.call(identity, callers, peer);
      else {
        const refusal = tlsListener?.refusalOf(peer);
        if (refusal) throw refusal;
        ({ identity, by } = this.#identify(context, tlsListener?.namesOf(peer) ?? []));
        if (!proofs.includes(by)) throw wrongProof(by);
        judge.admit(identity, callers, what);
        rates.call(identity, callers, peer);
      }
    } catch (refusal) {
      report(what, refusal);
      audit.record({ name: identity.name, peer }, refusedAs(what, refusal));
      throw refusal;
    }
    const who = { name: identity.name, peer };
    return {
      identity,
      by,
      peer,
      confirm: () => void judge.confirm(identity),
      audit: (event) => audit.record(who, event),
    };
  }

  /** Returns the caller by its bearer credential, or else by its cookie, or else by its certificate. */
  #identify(
    context: Context<HttpEnv>,
    names: readonly string[],
  ): { readonly identity: Identity; readonly by: Proof } {
    const { judge, passes } = this.#options;
    const { req } = context;
    const bearer = bearerOf(context);
    if (bearer !== null) {
      const login = passes.read(bearer, "login");
      return login === undefined
        ? { identity: judge.identityOf(bearer, names), by: "credential" }
        : { identity: judge.identityOfId(login), by: "login" };
    }
    const cookie = getCookie(context, cookieName(context));
    const session = cookie === undefined ? undefined : passes.read(cookie, "session");
    // A browser also sends cookies and certificates with requests of other sites.
    if (req.method !== "GET" && req.header(FROM_PAGE) === undefined) throw foreignRequest();
    return session === undefined
      ? { identity: judge.identityOf(null, names), by: "credential" }
      : { identity: judge.identityOfId(session), by: "session" };
  }
}

const USUAL: readonly Proof[] = ["credential", "session"];

function wrongProof(by: Proof): ShardmillError {
  const message =
    by === "login" ? "a login pass can only create one session" : "a session cannot create passes";
  return new ShardmillError("SECRET_REFUSED", message, {
    hint: "send the coordinator's secret or a token as `authorization: Bearer SECRET`",
  });
}

function foreignRequest(): ShardmillError {
  return new ShardmillError("SECRET_REFUSED", "this request does not come from the coordinator's page", {
    hint: `send \`authorization: Bearer SECRET\`, or the header ${FROM_PAGE}`,
  });
}
