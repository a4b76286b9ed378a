import { expect, test } from "vitest";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { failed, judgedByError } from "../../../../shared/http/failures.ts";
import { asStorageError, placeProblem, reasonOf } from "../../../../shared/storage/errors.ts";

const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9"), { code: "ECONNREFUSED" });

test("a problem of a store names the requested proxy, and repeats no location", () => {
  const judged = judgedByError("s3://data", { host: "s3.example", proxy: "127.0.0.1:9" }, refused);
  const error = failed("STORE_FAILED", "s3://data", judged.message, { cause: refused });
  expect(placeProblem("s3://data", "cannot be read", error).what).toBe(
    "cannot be read: cannot be reached by the proxy 127.0.0.1:9 of HTTPS_PROXY or HTTP_PROXY: " +
      "connect ECONNREFUSED 127.0.0.1:9",
  );
});

test("the reason of a file system error is its own message", () => {
  const missing = Object.assign(new Error("ENOENT: no such file, open '/a'"), { code: "ENOENT" });
  const error = asStorageError("read", "/a", missing);
  expect(isShardmillError(error, "STORE_NOT_FOUND")).toBe(true);
  expect(reasonOf(error)).toBe("ENOENT: no such file, open '/a'");
});
