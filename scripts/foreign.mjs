// Tries the product with other people's programs, by the tests of one project: clients (grpcurl,
// grpc-health-probe, Arrow Flight of pyarrow and of Go) that speak with a coordinator, stores (versitygw for S3,
// fake-gcs-server for Google Cloud Storage, Azurite for Azure) that hold a job's files, seaweedfs (S3 once more),
// readers (DuckDB, pyarrow, Polars, Spark, Ray) of what is published. They are fetched once, at the versions named
// here and in test/clients/flight/ and test/readers/, into .scratch/: those of Go are built by it, those of npm are
// installed apart from this package's own, those of Python in an environment of their own. Spark and Ray are those
// of the peers benchmark (bench/peers/setup.sh), which need Java.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const PROGRAMS = {
  clients: {
    grpcurl: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4",
    "grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.62",
  },
  stores: {
    versitygw: "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    "fake-gcs-server": "github.com/fsouza/fake-gcs-server@v1.56.1",
    "azurite-blob": "npm:azurite@3.35.0",
  },
  readers: { versitygw: "github.com/versity/versitygw/cmd/versitygw@v1.8.0" },
  // Apart, as it takes two cores some five minutes to build.
  seaweedfs: {
    weed: "module:github.com/seaweedfs/seaweedfs/weed@v0.0.0-20261109003541-7506e5f91cd6",
  },
};

/** Where programs of ours over other people's libraries lie: main.go and its go.mod, requirements.txt. */
const OWN = { clients: ["clients", "flight"], readers: ["readers"] };

function step(command, args, env, cwd = root) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  console.error(`${command} ${args.join(" ")} ${error?.message ?? `ended with ${status}`}`);
  process.exit(status ?? 1);
}

function installByNpm(name, source) {
  const prefix = join(folder, `${name}-npm`);
  const quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  step("npm", ["install", "--prefix", prefix, ...quiet, source]);
  // Relative: the folder may be copied to another checkout.
  rmSync(join(folder, name), { force: true });
  symlinkSync(join(`${name}-npm`, "node_modules", ".bin", name), join(folder, name));
}

/** Of a program that `go install` refuses, since its module replaces others. */
function buildInModule(name, source) {
  const module = join(folder, `${name}-module`);
  rmSync(module, { recursive: true, force: true });
  mkdirSync(module, { recursive: true });
  step("go", ["mod", "init", "build"], {}, module);
  step("go", ["get", "-tool", source], {}, module);
  step("go", ["build", "-o", join(folder, name), source.split("@")[0]], {}, module);
}

const [project, ...rest] = process.argv.slice(2);
const programs = PROGRAMS[project];
if (programs === undefined) {
  console.error(`usage: node scripts/foreign.mjs ${Object.keys(PROGRAMS).join("|")}`);
  process.exit(2);
}
// A folder for each set of versions: a new one is never taken for an old one.
const versions = Object.values(programs).map((program) => program.split("@").at(-1));
const folder = join(root, ".scratch", `${project}-${versions.join("-")}`);
for (const [name, source] of Object.entries(programs)) {
  if (existsSync(join(folder, name))) continue;
  if (source.startsWith("npm:")) installByNpm(name, source.slice("npm:".length));
  else if (source.startsWith("module:")) buildInModule(name, source.slice("module:".length));
  else step("go", ["install", source], { GOBIN: folder });
}
if (OWN[project] !== undefined) {
  const source = join(root, "test", ...OWN[project]);
  const client = join(folder, `${OWN[project].at(-1)}-client`);
  if (existsSync(join(source, "go.mod"))) step("go", ["build", "-o", client, "."], {}, source);
  const python = join(folder, "python");
  const [wanted, had] = [join(source, "requirements.txt"), join(python, "requirements.txt")];
  if (!existsSync(had) || readFileSync(had, "utf8") !== readFileSync(wanted, "utf8")) {
    step("python3", ["-m", "venv", "--clear", python]);
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--requirement", wanted];
    step(join(python, "bin", "python"), pip);
    // Last, so that an environment that is half made is made again.
    copyFileSync(wanted, had);
  }
}
if (project === "readers")
  step("sh", [join(root, "bench", "peers", "setup.sh"), join(root, "bench", ".data", "peers-venv")]);
// With --fetch it only fetches, and says where they are.
if (rest[0] === "--fetch") {
  console.log(folder);
  process.exit(0);
}
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
step(process.execPath, [vitest, "run", "--project", project, ...rest], { SHARDMILL_FOREIGN: folder });
