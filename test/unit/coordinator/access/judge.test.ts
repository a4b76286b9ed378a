import { describe, expect, test } from "vitest";
import { Judge } from "../../../../coordinator/access/judge.ts";
import { METHOD_CALLERS } from "../../../../coordinator/access/method-callers.ts";
import { foldTokens, grantOf, makeToken, type TokenLine } from "../../../../coordinator/access/tokens.ts";
import { ROLES, type Role } from "../../../../shared/access/roles.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";

const SECRET = "the-secret-of-a-user-who-started-a-coordinator";
const NOW_MS = Date.parse("2026-11-28T12:00:00Z");
const LIST = "/shardmill.v1.JobsService/ListJobs";

function judgeOf(lines: readonly TokenLine[], takesJobs = true, nowMs = () => NOW_MS): Judge {
  const tokens = foldTokens(lines.map((line) => JSON.stringify(line)).join("\n"), "/tokens");
  return new Judge({ secret: SECRET, takesJobs }, () => tokens, nowMs);
}

function tokenFor(role: Role, expiresAt: string | null = null) {
  return makeToken({ name: `for ${role}`, role, expiresAt }, "2026-11-01T00:00:00Z");
}

/** Returns the error code of a refused call, or `allowed`. */
function outcomeOf(judge: Judge, path: string, bearer: string | null): string {
  try {
    judge.identify(path, bearer);
    return "allowed";
  } catch (error) {
    return error instanceof ShardmillError ? error.code : String(error);
  }
}

describe("the role of a token", () => {
  /** Permitted methods, written independently of the product's table. */
  const allowed: Record<Role, RegExp> = {
    read: /Health|Reflection|ExternalScaler|(Get|List|Watch)Jobs?$|ListWorkers|GetServerInfo|FlightService/,
    submit:
      /Health|Reflection|ExternalScaler|(Get|List|Watch|Submit|Cancel|Pause|Resume)Jobs?$|SetJobPriority|ListWorkers|GetServerInfo|FlightService/,
    work: /Health|Reflection|ExternalScaler|WorkService|DataService|GetServerInfo/,
    admin: /./,
  };

  test.each(ROLES)("%s allows exactly the methods of that role", (role) => {
    const { text, line } = tokenFor(role);
    const judge = judgeOf([line]);
    for (const path of [...Object.keys(METHOD_CALLERS), "/shardmill.v1.JobsService/NoSuchMethod"]) {
      const expected = allowed[role].test(path) ? "allowed" : "ROLE_REFUSED";
      expect([path, outcomeOf(judge, path, text)]).toEqual([path, expected]);
    }
  });

  test("a coordinator with its own job refuses submissions, by a submit token or by the secret", () => {
    const { text, line } = tokenFor("submit");
    const judge = judgeOf([line], false);
    for (const bearer of [text, SECRET])
      expect(outcomeOf(judge, "/shardmill.v1.JobsService/SubmitJob", bearer)).toBe("SUBMIT_REFUSED");
    expect(outcomeOf(judge, LIST, text)).toBe("allowed");
  });

  test("a refusal names the token by its id and name, and never contains the token's text", () => {
    const { text, line } = tokenFor("work");
    try {
      judgeOf([line]).identify(LIST, text);
      throw new Error("the call was allowed");
    } catch (error) {
      expect(error).toMatchObject({
        code: "ROLE_REFUSED",
        message: `token ${line.id} (for work) has the role work, and ListJobs requires the role read`,
        hint: expect.stringContaining("--role read"),
      });
      expect(JSON.stringify(error)).not.toContain(text.slice(13));
    }
  });
});

describe("a token", () => {
  test("a token that was accepted is refused once another token has its id", () => {
    const { text, line } = tokenFor("read");
    const tokensOf = (sha256: string) => foldTokens(JSON.stringify({ ...line, sha256 }), "/tokens");
    let tokens = tokensOf(line.sha256);
    const judge = new Judge(
      { secret: SECRET, takesJobs: true },
      () => tokens,
      () => NOW_MS,
    );
    for (const _ of [1, 2]) expect(outcomeOf(judge, LIST, text)).toBe("allowed");
    tokens = tokensOf("0".repeat(64));
    expect(outcomeOf(judge, LIST, text)).toBe("TOKEN_REFUSED");
  });

  test("a token is refused from the moment at which it expires", () => {
    let nowMs = NOW_MS;
    const { text, line } = tokenFor("read", new Date(NOW_MS).toISOString());
    const judge = judgeOf([line], true, () => nowMs);
    expect(outcomeOf(judge, LIST, text)).toBe("TOKEN_REFUSED");
    nowMs -= 1;
    const identity = judge.identify(LIST, text);
    expect(judge.confirm(identity)).toBe(identity);
    nowMs += 1;
    expect(() => judge.confirm(identity)).toThrow(/expired at 2026-11-28T12:00:00/);
  });

  test("a revoked or removed token is refused, also during an open call", () => {
    const { text, line } = tokenFor("admin");
    let tokens = foldTokens(JSON.stringify(line), "/tokens");
    const judge = new Judge(
      { secret: SECRET, takesJobs: true },
      () => tokens,
      () => NOW_MS,
    );
    const identity = judge.identify(LIST, text);
    const revoked: TokenLine = { kind: "revoked", id: line.id, revokedAt: "2026-11-28T11:00:00Z" };
    tokens = foldTokens(`${JSON.stringify(line)}\n${JSON.stringify(revoked)}`, "/tokens");
    expect(outcomeOf(judge, LIST, text)).toBe("TOKEN_REFUSED");
    expect(() => judge.confirm(identity)).toThrow(/was revoked at 2026-11-28T11/);
    // The same holds once its line, or the whole file, is missing.
    tokens = new Map();
    expect(() => judge.confirm(identity)).toThrow(/does not know token/);
  });

  test("an unknown, altered or incomplete token is refused", () => {
    const { text, line } = tokenFor("admin");
    const judge = judgeOf([line]);
    const other = tokenFor("admin").text;
    for (const bearer of [
      other,
      `${text.slice(0, 13)}${other.slice(13)}`,
      text.slice(0, -1),
      `${text}x`,
      line.sha256,
    ])
      expect(["TOKEN_REFUSED", "SECRET_REFUSED"]).toContain(outcomeOf(judge, LIST, bearer));
    expect(outcomeOf(judge, LIST, text)).toBe("allowed");
  });
});

test("the secret allows every method, and a caller without credentials is allowed only health checks", () => {
  const judge = judgeOf([]);
  for (const path of Object.keys(METHOD_CALLERS)) {
    expect([path, outcomeOf(judge, path, SECRET)]).toEqual([path, "allowed"]);
    const expected = path.includes(".health.") ? "allowed" : "SECRET_REFUSED";
    expect([path, outcomeOf(judge, path, null)]).toEqual([path, expected]);
  }
});

describe("a certificate", () => {
  const named = (role: Role, certificate: string, expiresAt: string | null = null) =>
    grantOf(certificate, { name: `nodes for ${role}`, role, expiresAt }, "2026-11-01T00:00:00Z");
  const NODE = ["DNS:node1.gpu.example.com", "CN:node1"];

  test("without other credentials, a certificate with a known name has the role of that name", () => {
    const line = named("work", "DNS:*.gpu.example.com");
    const judge = judgeOf([line]);
    expect(judge.identify("/shardmill.v1.WorkService/Register", null, NODE)).toMatchObject({
      name: `certificate ${line.id} (nodes for work)`,
      token: { role: "work" },
    });
    expect(() => judge.identify(LIST, null, NODE)).toThrow(
      `certificate ${line.id} (nodes for work) has the role work, and ListJobs requires the role read`,
    );
    for (const names of [[], ["DNS:gpu.example.com"], ["CN:DNS:*.gpu.example.com"]])
      expect(() => judge.identify(LIST, null, names)).toThrow(
        expect.objectContaining({ code: "SECRET_REFUSED" }),
      );
  });

  test("a certificate has no effect if the caller also sends a token, valid or revoked, or the secret", () => {
    const { text, line } = tokenFor("read");
    const certificate = named("admin", "CN:node1");
    const revoked: TokenLine = { kind: "revoked", id: line.id, revokedAt: "2026-11-28T11:00:00Z" };
    const submit = "/shardmill.v1.JobsService/SubmitJob";
    const judge = judgeOf([line, certificate]);
    expect(judge.identify(LIST, text, NODE).token?.id).toBe(line.id);
    expect(() => judge.identify(submit, text, NODE)).toThrow(
      expect.objectContaining({ code: "ROLE_REFUSED" }),
    );
    expect(() => judgeOf([line, revoked, certificate]).identify(LIST, text, NODE)).toThrow(/was revoked/);
    expect(judge.identify(submit, SECRET, NODE)).toMatchObject({ name: "secret", token: null });
  });

  test("a certificate is used if the caller also sends the secret of another coordinator", () => {
    const judge = judgeOf([named("read", "CN:node1")]);
    const another = SECRET.replace("a", "b");
    expect(judge.identify(LIST, another, NODE).token?.role).toBe("read");
    expect(() => judge.identify(LIST, another, [])).toThrow(
      expect.objectContaining({ code: "SECRET_REFUSED" }),
    );
  });

  test("a revoked or expired certificate is refused, unless another of its names is valid", () => {
    const [first, second] = [named("read", "CN:node1"), named("admin", "DNS:node1.gpu.example.com")];
    const revoked: TokenLine = { kind: "revoked", id: first.id, revokedAt: "2026-11-28T11:00:00Z" };
    expect(() => judgeOf([first, revoked]).identify(LIST, null, NODE)).toThrow(
      `certificate ${first.id} (nodes for read) was revoked at 2026-11-28T11:00:00Z`,
    );
    expect(judgeOf([first, second]).identify(LIST, null, NODE).token?.id).toBe(first.id);
    expect(judgeOf([first, second, revoked]).identify(LIST, null, NODE).token?.id).toBe(second.id);
    const expired = named("read", "CN:node1", new Date(NOW_MS).toISOString());
    expect(() => judgeOf([expired]).identify(LIST, null, NODE)).toThrow(/expired at/);
  });

  test("a certificate is checked again before each response", () => {
    const line = named("read", "CN:node1");
    let tokens = foldTokens(JSON.stringify(line), "/tokens");
    const judge = new Judge(
      { secret: SECRET, takesJobs: true },
      () => tokens,
      () => NOW_MS,
    );
    const identity = judge.identify(LIST, null, NODE);
    tokens = new Map();
    expect(() => judge.confirm(identity)).toThrow(/does not know/);
  });
});
