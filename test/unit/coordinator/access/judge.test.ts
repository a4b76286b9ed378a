import { describe, expect, test } from "vitest";
import { Judge } from "../../../../coordinator/access/judge.ts";
import { METHOD_CALLERS, ROLES, type Role } from "../../../../coordinator/access/method-callers.ts";
import { foldTokens, makeToken, type TokenLine } from "../../../../coordinator/access/tokens.ts";
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

/** The code of what a call is refused with; `let in` when it is not. */
function outcomeOf(judge: Judge, path: string, bearer: string | null): string {
  try {
    judge.identify(path, bearer);
    return "let in";
  } catch (error) {
    return error instanceof ShardmillError ? error.code : String(error);
  }
}

describe("a token of a role", () => {
  /** Written out once more, and not as the product has it. */
  const allowed: Record<Role, RegExp> = {
    read: /Health|Reflection|(Get|List|Watch)Jobs?$|ListWorkers|FlightService/,
    submit: /Health|Reflection|(Get|List|Watch|Submit|Cancel)Jobs?$|ListWorkers|FlightService/,
    work: /Health|Reflection|WorkService|DataService/,
    admin: /./,
  };

  test.each(ROLES)("%s opens the methods that it is for, and no others", (role) => {
    const { text, line } = tokenFor(role);
    const judge = judgeOf([line]);
    for (const path of [...Object.keys(METHOD_CALLERS), "/shardmill.v1.JobsService/NoSuchMethod"]) {
      const expected = allowed[role].test(path) ? "let in" : "ROLE_REFUSED";
      expect([path, outcomeOf(judge, path, text)]).toEqual([path, expected]);
    }
  });

  test("that may submit submits to no coordinator with a job of its own; nor does the secret", () => {
    const { text, line } = tokenFor("submit");
    const judge = judgeOf([line], false);
    for (const bearer of [text, SECRET])
      expect(outcomeOf(judge, "/shardmill.v1.JobsService/SubmitJob", bearer)).toBe("SUBMIT_REFUSED");
    expect(outcomeOf(judge, LIST, text)).toBe("let in");
  });

  test("is called by its id and name, never by what it opens", () => {
    const { text, line } = tokenFor("work");
    try {
      judgeOf([line]).identify(LIST, text);
      throw new Error("it was let in");
    } catch (error) {
      expect(error).toMatchObject({
        code: "ROLE_REFUSED",
        message: `token ${line.id} (for work) is for work, and ListJobs takes one for read`,
        hint: expect.stringContaining("--role read"),
      });
      expect(JSON.stringify(error)).not.toContain(text.slice(13));
    }
  });
});

describe("a token", () => {
  test("opens nothing from the moment that it expires", () => {
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

  test("opens nothing once it is revoked, before or during a call", () => {
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
    // Nor once its line is gone, or the file.
    tokens = new Map();
    expect(() => judge.confirm(identity)).toThrow(/does not know token/);
  });

  test("that is not known, is another's, or is only begun opens nothing", () => {
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
    expect(outcomeOf(judge, LIST, text)).toBe("let in");
  });
});

test("the secret opens everything, and who shows nothing is asked for it", () => {
  const judge = judgeOf([]);
  for (const path of Object.keys(METHOD_CALLERS)) {
    expect([path, outcomeOf(judge, path, SECRET)]).toEqual([path, "let in"]);
    const expected = path.includes(".health.") ? "let in" : "SECRET_REFUSED";
    expect([path, outcomeOf(judge, path, null)]).toEqual([path, expected]);
  }
});
