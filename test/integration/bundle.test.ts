import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";

/** What is installed: the bundle (scripts/bundle.mjs), which every test that runs the command runs. */

const BUNDLE = join(packageRoot, "dist", "bundle");
const main = join(BUNDLE, "cli", "main.js");

test("it is what the package installs, and has every script that the sources start", async () => {
  const { bin } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8"));
  expect(join(packageRoot, bin.shardmill)).toBe(main);
  const scripts: string[] = [];
  for (const folder of ["cli", "coordinator", "shared", "worker"]) {
    for (const name of await readdir(join(packageRoot, folder), { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      const text = await readFile(join(packageRoot, folder, name), "utf8");
      // A path that is put together would be missed.
      expect([...text.matchAll(/compiledUrl\((?!source)/g)].length, name).toBe(
        [...text.matchAll(/compiledUrl\("/g)].length,
      );
      for (const [, script = ""] of text.matchAll(/compiledUrl\("([^"]+)"\)/g)) scripts.push(script);
    }
  }
  expect(scripts.length).toBeGreaterThan(8);
  for (const script of scripts)
    expect(existsSync(join(BUNDLE, script.replace(/\.ts$/, ".js"))), script).toBe(true);
});
