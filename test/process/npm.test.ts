import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { Client, credentials } from "@grpc/grpc-js";
import { parseSync, Visitor } from "oxc-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { userCredential } from "../../shared/access/credential.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { startListening } from "../support/job-processes.ts";
import { KnownJob } from "../support/known-job.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";
import { ReflectionClient } from "../support/reflection-client.ts";

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Maximum number of packages in an installation, on any platform. */
const MOST_PACKAGES = 70;
/** Maximum number of files in the package. */
const MOST_FILES = 1_100;

let folder: string;
let manifest: PackageJson;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-npm-"));
  manifest = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function npm(args: readonly string[], cwd = packageRoot): Promise<{ stdout: string; stderr: string }> {
  const options = { cwd, shell: process.platform === "win32", maxBuffer: 1 << 26 };
  return await promisify(execFile)("npm", args, options);
}

/** npm warns of unknown keys, and its next major version refuses them. */
test("npm knows every key of .npmrc, and runs no install script in a clone", async () => {
  const requested = await npm(["config", "get", "ignore-scripts", "--loglevel=warn"]);
  expect(requested.stdout).toBe("true\n");
  expect(requested.stderr).not.toContain("project config");
});

describe("an npm installation", () => {
  /** Returns the names of the packages, and npm's warnings. */
  async function plan(option: string): Promise<{ names: readonly string[]; warnings: string }> {
    for (const name of ["package.json", "package-lock.json"])
      await cp(join(packageRoot, name), join(folder, name));
    const dry = ["--dry-run", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--json"];
    const { stdout, stderr } = await npm(["ci", option, ...dry], folder);
    const { add } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as {
      readonly add: readonly { readonly name: string }[];
    };
    return { names: add.map(({ name }) => name), warnings: stderr };
  }

  test("has few packages, and all of them support this version of Node.js", async () => {
    const { names, warnings } = await plan("--omit=dev");
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names.length).toBeLessThanOrEqual(MOST_PACKAGES);
    expect(warnings).not.toContain("EBADENGINE");
  });

  test("has the packages of the bundle and no test tools when workspaces are off", async () => {
    const { names } = await plan("--workspaces=false");
    const tools = await readFile(join(packageRoot, "test", "tools", "package.json"), "utf8");
    const { devDependencies } = JSON.parse(tools) as PackageJson;
    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.devDependencies)));
    expect(Object.keys(devDependencies).filter((name) => names.includes(name))).toEqual([]);
  });
});

describe("the bundle and the dependencies", () => {
  /** Packages that libraries replace when missing, and the compiler in the user's own folder. */
  const OTHERS = new Set(["@node-rs/crc32", "kerberos", "typescript"]);

  test("have the same packages: those that packed code loads, and Arrow for its public types", async () => {
    const dist = join(packageRoot, "dist");
    const bundled = (await readdir(join(dist, "bundle"), { recursive: true })).filter(
      (name) => name.endsWith(".js") && dirname(name) !== "page",
    );
    const loaded = new Set(["apache-arrow"]);
    for (const name of [...bundled.map((each) => join("bundle", each)), "extensions/code/api.js"]) {
      for (const specifier of specifiersOf(name, await readFile(join(dist, name), "utf8"))) {
        const [, library] = /^((?:@[^/]+\/)?[^/]+)/.exec(specifier) ?? [];
        if (library !== undefined && !OTHERS.has(library)) loaded.add(library);
      }
    }
    expect([...loaded].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  test("have the same version of Arrow", async () => {
    const { version } = JSON.parse(
      await readFile(join(packageRoot, "node_modules", "apache-arrow", "package.json"), "utf8"),
    );
    expect(manifest.dependencies["apache-arrow"]).toBe(version);
  });
});

/** Returns the packages that a file loads at run time: by an import, by `require`, or by `resolve`. */
function specifiersOf(name: string, text: string): readonly string[] {
  const found: string[] = [];
  const add = (specifier: string) => {
    if (!/^[./#]|^data:/.test(specifier) && !isBuiltin(specifier) && specifier !== "shardmill/package.json")
      found.push(specifier);
  };
  const { program, errors } = parseSync(name, text);
  expect(errors, name).toEqual([]);
  new Visitor({
    ImportDeclaration: ({ source }) => add(source.value),
    ExportNamedDeclaration: ({ source }) => {
      if (source !== null) add(source.value);
    },
    ExportAllDeclaration: ({ source }) => add(source.value),
    ImportExpression: ({ source }) => {
      if (source.type === "Literal" && typeof source.value === "string") add(source.value);
    },
    CallExpression: ({ callee, arguments: [argument] }) => {
      if (argument?.type !== "Literal" || typeof argument.value !== "string") return;
      const isOfRequire = /require/i.test(text.slice(callee.start, callee.end).split("\n")[0] ?? "");
      const isLoad = callee.type === "Identifier" || (callee.type === "MemberExpression" && !callee.computed);
      if (isOfRequire && isLoad) add(argument.value);
    },
  }).visit(program);
  return found;
}

describe("the package", () => {
  /** Files of the package. Others are only for the project's developers. */
  const PACKED =
    /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|(deploy|proto)\/.*|docs\/[^/]*\.(md|json)|docs\/(figures|images|tutorials)\/.*|dist\/bundle\/(.*\.js|page\/.*|libraries\/.*\.proto|LICENSES\.txt)|dist\/extensions\/code\/api\.(js|d\.ts))$/;

  let installed: string;
  let paths: readonly string[];
  beforeAll(async () => {
    installed = join(folder, "node_modules", "shardmill");
    await promisify(execFile)(process.execPath, [join(packageRoot, "scripts", "stage.mjs"), installed]);
    const entries = await readdir(installed, { recursive: true, withFileTypes: true });
    paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(installed, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
    // Only these dependencies, so that the clone's development packages are not found.
    for (const name of Object.keys(manifest.dependencies)) {
      await mkdir(dirname(join(folder, "node_modules", name)), { recursive: true });
      await symlink(join(packageRoot, "node_modules", name), join(folder, "node_modules", name), "junction");
    }
  });

  test("has few files, without tests, benchmarks, examples or source maps", () => {
    expect(paths).toEqual(
      expect.arrayContaining(["dist/bundle/cli/main.js", "dist/extensions/code/api.d.ts"]),
    );
    expect(paths.filter((path) => !PACKED.test(path))).toEqual([]);
    expect(paths.length).toBeLessThanOrEqual(MOST_FILES);
  });

  test("has pages that link only to files of the package", async () => {
    const pages = paths.filter((path) => path.endsWith(".md"));
    expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/job-file.md"]));
    const dead: string[] = [];
    let links = 0;
    for (const page of pages) {
      const text = await readFile(join(installed, page), "utf8");
      for (const [, address = ""] of text.matchAll(/\]\(([^()\s]+)\)/g)) {
        const [path = ""] = address.split("#");
        if (path === "" || /^\w+:/.test(path)) continue;
        links += 1;
        if (!existsSync(join(installed, dirname(page), path))) dead.push(`${page}: ${address}`);
      }
    }
    expect(dead).toEqual([]);
    expect(links).toBeGreaterThan(100);
  });

  test("names every library in the bundle, and has its licence text if the library has one", async () => {
    const bundle = join(installed, "dist", "bundle");
    // The page is minified and does not name its libraries.
    const libraries = new Set([join("node_modules", "preact")]);
    for (const path of paths.filter((each) => /^dist\/bundle\/.*\.js$/.test(each))) {
      const text = await readFile(join(installed, path), "utf8");
      // Names the source of the code below it.
      for (const [, library = ""] of text.matchAll(/^\/\/ (\S*node_modules\/(?:@[^/\s]+\/)?[^/\s]+)\//gm))
        libraries.add(library);
    }
    expect(libraries.size).toBeGreaterThan(50);
    const licences = (await readFile(join(bundle, "LICENSES.txt"), "utf8")).split(/\n-{80}\n/);
    for (const library of libraries) {
      const source = join(packageRoot, library);
      const { name, version, license } = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
      const title = `${name} ${version} (${license})`;
      const own = licences.find((part) => part.split("\n").includes(title));
      expect(own, title).toBeDefined();
      for (const file of (await readdir(source)).filter((each) => /^licen[cs]e/i.test(each)))
        expect(own, title).toContain((await readFile(join(source, file), "utf8")).trim());
    }
  });

  needs("code")(
    "runs a job with own code, health checks and reflection with its dependencies only",
    async () => {
      const main = join(installed, "dist", "bundle", "cli", "main.js");
      await using job = await KnownJob.make({
        rows: 100,
        spec: { map: { finish: [{ module: "./step.ts" }] } },
      });
      await job.write(
        "step.ts",
        `import { defineStep } from "shardmill";
       export default defineStep({
         reads: { id: "int64" },
         columns: { twice: "int64" },
         row: ({ id }) => ({ twice: id * 2n }),
       });`,
      );
      const { code, stderr } = await runCli(["run", job.path], { main, env: job.env });
      expect(code, stderr).toBe(0);

      const args = ["coordinator", "--listen", "127.0.0.1:0"];
      const { cli, address } = await startListening(job, args, { main });
      await using _ = cli;
      using client = await ReflectionClient.of(address, userCredential());
      for (const version of ["v1", "v1alpha"] as const) {
        const [answer] = await client.ask(version, [{ listServices: "" }]);
        expect(answer).toHaveProperty("listServicesResponse.service");
      }
      const health = new Client(address, credentials.createInsecure());
      expect(await checkHealth(health)).toEqual(SERVING);
      health.close();
    },
  );
});

/** A serialized HealthCheckResponse whose status is SERVING. */
const SERVING = Buffer.from([8, 1]);

function checkHealth(client: Client): Promise<Buffer | undefined> {
  const unchanged = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest<Buffer, Buffer>(
      "/grpc.health.v1.Health/Check",
      unchanged,
      unchanged,
      Buffer.alloc(0),
      (error, response) => (error === null ? resolve(response) : reject(error)),
    ),
  );
}
