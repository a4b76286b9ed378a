// Makes proto/descriptors.binpb, what reflection serves: the descriptors, with their comments, of every
// service that a coordinator has. By a compiler of its own, because what the loader of the .proto files makes
// of them is not what a compiler would: strict clients refuse it. The file is kept in the repository; a test
// (--check) holds it to the sources. After a change: npm run descriptors.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);
const folderOf = (library) => dirname(resolve(`${library}/package.json`));

/** Where the proto files are, and what their imports call that place. */
const SOURCES = [
  [join(root, "proto", "shardmill"), "shardmill"],
  [join(root, "proto", "externalscaler"), "externalscaler"],
  [join(folderOf("grpc-health-check"), "proto", "health"), "grpc/health"],
  [join(folderOf("@grpc/reflection"), "build", "proto", "grpc", "reflection"), "grpc/reflection"],
];

/** Where they are kept: for reflection, with comments; without, for the client in Python. */
const KEPT = [
  [join(root, "proto", "descriptors.binpb"), []],
  [
    join(root, "integrations", "python", "src", "shardmill", "descriptors.binpb"),
    ["--exclude-source-info", "--path", "shardmill"],
  ],
];

const folder = mkdtempSync(join(tmpdir(), "shardmill-descriptors-"));
try {
  for (const [from, inside] of SOURCES) cpSync(from, join(folder, inside), { recursive: true });
  for (const [kept, options] of KEPT) keep(kept, options);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function keep(kept, options) {
  const made = join(folder, "descriptors.binpb");
  const buf = resolve("@bufbuild/buf/bin/buf");
  const paths = options.map((option) => (option === "shardmill" ? join(folder, option) : option));
  const args = [buf, "build", folder, "--as-file-descriptor-set", ...paths, "-o", made];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exitCode = status ?? 1;
  else if (!process.argv.includes("--check")) copyFileSync(made, kept);
  else if (!existsSync(kept) || !readFileSync(made).equals(readFileSync(kept))) {
    console.error(`${relative(root, kept)} is not what the proto files say now: npm run descriptors`);
    process.exitCode = 1;
  }
}
