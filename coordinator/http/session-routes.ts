import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { HttpEnv, HttpRoute } from "../../shared/serving/http-routes.ts";
import { type BrowserPasses, PASS_MS } from "../access/browser-passes.ts";

/** Returns a cookie's name with the port: all ports of a host share cookies, but coordinators must not. */
export function cookieName({ env }: Context<HttpEnv>): string {
  return `shardmill_${env.incoming.socket.localPort}`;
}

/** Reads the credential or login pass of a request. */
export function bearerOf({ req }: Context<HttpEnv>): string | null {
  return SCHEME.exec(req.header("authorization") ?? "")?.[1] ?? null;
}

const SCHEME = /^Bearer +(\S+)$/i;

/** Routes for browser sessions. A secret, a token or a login pass starts one, a session does not. */
export function sessionRoutes(passes: BrowserPasses): readonly HttpRoute[] {
  return [
    { method: "GET", path: "/session", callers: "known", handle: (context) => Response.json(whoIs(context)) },
    {
      method: "POST",
      path: "/session",
      callers: "known",
      proofs: ["credential", "login"],
      handle(context) {
        const { by } = context.var.caller;
        if (by === "login") passes.end(bearerOf(context) ?? "", "login");
        setCookie(context, cookieName(context), passes.issue(context.var.caller.identity, "session"), {
          httpOnly: true,
          sameSite: "Strict",
          secure: isSecure(context),
          maxAge: PASS_MS.session / 1_000,
          path: "/",
        });
        return context.json(whoIs(context));
      },
    },
    {
      method: "DELETE",
      path: "/session",
      callers: "anyone",
      handle(context) {
        passes.end(getCookie(context, cookieName(context)) ?? "", "session");
        deleteCookie(context, cookieName(context), { path: "/" });
        return context.body(null, 204);
      },
    },
    {
      method: "POST",
      path: "/session/login",
      callers: "known",
      proofs: ["credential"],
      handle: (context) => Response.json({ login: passes.issue(context.var.caller.identity, "login") }),
    },
  ];
}

function whoIs(context: Context<HttpEnv>): { readonly name: string; readonly role: string } {
  const { name, token } = context.var.caller.identity;
  return { name, role: token?.role ?? "admin" };
}

function isSecure({ env }: Context<HttpEnv>): boolean {
  return "encrypted" in env.incoming.socket;
}
