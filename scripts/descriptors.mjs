// Makes proto/descriptors.binpb for reflection: the descriptors, with comments, of all services of a
// coordinator. Uses a real compiler, because strict clients refuse the output of the .proto loader. Also
// makes proto/messages.json, from which our own code encodes and decodes. Reading it takes a tenth of the time
// of the proto files. All files are kept in the repository, and a test (--check) compares them with the
// sources. After a change: npm run descriptors.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);
const folderOf = (library) => dirname(resolve(`${library}/package.json`));

/** Folders of the proto files, with the names that imports use for them. */
const SOURCES = [
  [join(root, "proto", "shardmill"), "shardmill"],
  [join(root, "proto", "externalscaler"), "externalscaler"],
  [join(folderOf("grpc-health-check"), "proto", "health"), "grpc/health"],
  [join(folderOf("@grpc/reflection"), "build", "proto", "grpc", "reflection"), "grpc/reflection"],
];

/** Kept files: for reflection with comments, for the Python client without. */
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
  for (const [kept, options] of KEPT) keepCompiled(kept, options);
  keepMessages(join(root, "proto", "messages.json"));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function keepCompiled(kept, options) {
  const made = join(folder, "descriptors.binpb");
  const buf = resolve("@bufbuild/buf/bin/buf");
  const paths = options.map((option) => (option === "shardmill" ? join(folder, option) : option));
  const args = [buf, "build", folder, "--as-file-descriptor-set", ...paths, "-o", made];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exitCode = status ?? 1;
  else keep(made, kept);
}

function keepMessages(kept) {
  const proto = join(root, "proto");
  const files = ["shardmill/v1", "externalscaler", "arrow/flight"].flatMap((inside) =>
    readdirSync(join(proto, inside)).map((name) => join(inside, name)),
  );
  const messages = new protobuf.Root();
  // The library's own files are known to it.
  messages.resolvePath = (_from, path) => (path.startsWith("google/") ? path : resolvePath(proto, path));
  messages.loadSync(files.sort(), { keepCase: false });
  const made = join(folder, "messages.json");
  writeFileSync(made, `${JSON.stringify(messages)}\n`);
  keep(made, kept);
}

function keep(made, kept) {
  if (!process.argv.includes("--check")) copyFileSync(made, kept);
  else if (!existsSync(kept) || !readFileSync(made).equals(readFileSync(kept))) {
    console.error(`${relative(root, kept)} differs from the proto files: run npm run descriptors`);
    process.exitCode = 1;
  }
}
