import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";

/** npm warns of a key that it does not know, and its next major version refuses to run. */
test("npm knows every key of .npmrc, and runs no install script in a clone", async () => {
  const shell = process.platform === "win32";
  const asked = await promisify(execFile)("npm", ["config", "get", "ignore-scripts", "--loglevel=warn"], {
    cwd: packageRoot,
    shell,
  });
  expect(asked.stdout).toBe("true\n");
  expect(asked.stderr).not.toContain("project config");
});
