import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { errorsPage } from "../../extensions/explain/error-texts.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { runCli } from "../support/processes.ts";

test("docs/errors.md is up to date with the table of errors (npm run docs)", async () => {
  expect(await readFile(join(packageRoot, "docs", "errors.md"), "utf8")).toBe(errorsPage());
});

test("an error code is explained in upper and lower case, as text and as JSON", async () => {
  expect(await runCli(["explain", "port_in_use"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^PORT_IN_USE: The port is in use\.\n/),
  });
  const { stdout } = await runCli(["explain", "PORT_IN_USE", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ code: "PORT_IN_USE", what: "The port is in use." });
});

test("an unknown error code is refused with the nearest one", async () => {
  expect(await runCli(["explain", "PORT_IN_USER"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean PORT_IN_USE?"),
  });
});
