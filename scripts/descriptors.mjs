// Makes proto/descriptors.binpb, what reflection serves: the descriptors, with their comments, of every service that a coordinator
// has. By a compiler of its own, because what the loader of the .proto files makes of them is not what a compiler would: strict
// clients refuse it. The file is kept in the repository; a test holds it to the sources. After a change: npm run descriptors.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);
const folderOf = (library) => dirname(resolve(`${library}/package.json`));

/** Where the proto files are, and what their imports call that place. */
const SOURCES = [
  [join(root, "proto", "shardmill"), "shardmill"],
  [join(folderOf("grpc-health-check"), "proto", "health"), "grpc/health"],
  [join(folderOf("@grpc/reflection"), "build", "proto", "grpc", "reflection"), "grpc/reflection"],
];

const [to = join(root, "proto", "descriptors.binpb")] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "shardmill-descriptors-"));
try {
  for (const [from, inside] of SOURCES) cpSync(from, join(folder, inside), { recursive: true });
  const buf = resolve("@bufbuild/buf/bin/buf");
  const { status } = spawnSync(
    process.execPath,
    [buf, "build", folder, "--as-file-descriptor-set", "-o", to],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
