import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";

/** The installed program: the bundle (scripts/bundle.mjs), which every test of the command runs. */

const BUNDLE = join(packageRoot, "dist", "bundle");
const main = join(BUNDLE, "cli", "main.js");

test("the bundle is the program of the package, and has every script that the sources start", async () => {
  const { bin } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8"));
  expect(join(packageRoot, bin.shardmill)).toBe(main);
  const scripts: string[] = [];
  for (const folder of ["cli", "coordinator", "extensions", "shared", "worker"]) {
    for (const name of await readdir(join(packageRoot, folder), { recursive: true })) {
      if (!name.endsWith(".ts")) continue;
      const text = await readFile(join(packageRoot, folder, name), "utf8");
      // A computed path would be missed.
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

test("no command loads the YAML and cron libraries at its start", async () => {
  const [name = ""] = (await readdir(join(BUNDLE, "chunks"))).filter((each) =>
    each.startsWith("main-command"),
  );
  const seen = new Set<string>();
  const load = async (chunk: string) => {
    if (seen.has(chunk)) return;
    seen.add(chunk);
    const text = await readFile(join(BUNDLE, chunk), "utf8");
    for (const [, target = ""] of text.matchAll(/^(?:import|export)\s[^"()]*?"(\.[^"]+)"/gm))
      await load(join(dirname(chunk), target));
  };
  await load(join("chunks", name));
  expect(seen.size).toBeGreaterThan(5);
  const texts = await Promise.all([...seen].map((chunk) => readFile(join(BUNDLE, chunk), "utf8")));
  expect(texts.filter((text) => /^\/\/ node_modules\/(yaml|croner)\//m.test(text))).toEqual([]);
});

test("only extensions load store, proxy and queue libraries, and entry files have no extension code", async () => {
  const names = (await readdir(BUNDLE, { recursive: true })).filter((name) => name.endsWith(".js"));
  const texts = new Map<string, string>();
  for (const name of names) texts.set(name, await readFile(join(BUNDLE, name), "utf8"));
  const holds = (name: string) =>
    /node_modules\/(@platformatic|rabbitmq-client|@aws-sdk|@smithy|saxes|google-auth-library|gaxios|https?-proxy-agent|proxy-from-env)\//.test(
      texts.get(name) ?? "",
    );
  expect(names.filter(holds).length).toBeGreaterThan(3);
  const closure = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    // Without dynamic imports.
    for (const [, target = ""] of (texts.get(name) ?? "").matchAll(
      /^(?:import|export)\s[^"()]*?"(\.[^"]+)"/gm,
    ))
      closure(join(dirname(name), target), seen);
    return seen;
  };
  const ofOurs = (name: string) =>
    [...(texts.get(name) ?? "").matchAll(/^\/\/ ((?:cli|coordinator|extensions|shared|worker)\/\S+)/gm)].map(
      ([, source = ""]) => source,
    );
  const reaching = names.filter((name) => ofOurs(name).length > 0 && [...closure(name)].some(holds));
  const theirs = /^extensions\//;
  expect(reaching.length).toBeGreaterThan(3);
  expect(reaching.flatMap(ofOurs).filter((source) => !theirs.test(source))).toEqual([]);
  // Each entry file of the engine contains the facts of every extension, and the code of none.
  const code =
    /^extensions\/(?!list\.ts$|[^/]+\/(extension|address|address-options|(?:[^/]+\/)?(?:op|spec)|[^/]+\/(?:presets|check-[a-z]+))\.ts$)/;
  for (const entry of names.filter((name) => !/^(chunks|extensions)\//.test(name)))
    expect(
      [...closure(entry)].flatMap(ofOurs).filter((source) => code.test(source)),
      entry,
    ).toEqual([]);
});
