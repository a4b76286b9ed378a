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

/** Anything else is for the project's own developers. */
const PACKED =
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|(deploy|proto)\/.*|dist\/(bundle\/.*\.js|bundle\/page\/.*|shared\/modules\/api\.(js|d\.ts)))$/;

test("the package has what runs, and no tests, benchmarks, examples or source maps", async () => {
  const options = { cwd: packageRoot, shell: process.platform === "win32", maxBuffer: 1 << 26 };
  const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json"], options);
  const [packed] = JSON.parse(stdout) as readonly { readonly files: readonly { readonly path: string }[] }[];
  const paths = packed?.files.map(({ path }) => path) ?? [];
  expect(paths).toEqual(expect.arrayContaining(["dist/bundle/cli/main.js", "dist/shared/modules/api.d.ts"]));
  expect(paths.filter((path) => !PACKED.test(path))).toEqual([]);
  expect(paths.length).toBeLessThan(1_000);
});
