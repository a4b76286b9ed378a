// Tests the product with other projects' programs:
// - clients (grpcurl, grpc-health-probe, Arrow Flight of pyarrow and of Go) that call a coordinator
// - stores (versitygw for S3, fake-gcs-server for Google Cloud Storage, Azurite for Azure) of a job's files
// - seaweedfs, another store for S3
// - readers (DuckDB, pyarrow, Polars, Spark, Ray) of published output
// - seen (Prometheus and the OpenTelemetry Collector's receiver), which receive metrics and traces
// - queues (ElasticMQ and moto for SQS, Kafka, and RabbitMQ where it is installed) of messages
// - manifests (kustomize, and the schemas of Kubernetes) for deploy/kubernetes
//
// The programs are fetched once into .scratch/, at the versions in this file and in
// test/external/clients/flight/, test/external/readers/ and test/external/manifests/. Programs in Go are
// built there. npm packages are installed apart from this package's own. Python packages have their own
// environment. Spark and Ray are those of the peers benchmark (bench/peers/setup.sh), which need Java.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { root, step } from "./step.mjs";

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
  queues: {
    elasticmq: "maven:org.elasticmq:elasticmq-server_2.13@1.6.14",
    kafka: "maven:org.apache.kafka:kafka_2.13@4.1.0",
    versitygw: "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
  },
  readers: { versitygw: "github.com/versity/versitygw/cmd/versitygw@v1.8.0" },
  // Prometheus without cloud discovery, which is most of it.
  seen: {
    promtool: "github.com/prometheus/prometheus/cmd/promtool@v0.316.0",
    prometheus: "github.com/prometheus/prometheus/cmd/prometheus@v0.316.0",
  },
  manifests: { kustomize: "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1" },
  // Separate, because its build takes two cores some five minutes.
  seaweedfs: {
    weed: "module:github.com/seaweedfs/seaweedfs/weed@v0.0.0-20261109003541-7506e5f91cd6",
  },
};

/** Folders of our programs over other libraries: main.go and its go.mod, or requirements.txt. */
const OWN = {
  clients: ["clients", "flight"],
  queues: ["queues"],
  readers: ["readers"],
  manifests: ["manifests"],
  seen: ["prometheus", "collector"],
};

const TAGS = { seen: "remove_all_sd" };

function installByNpm(name, source) {
  const prefix = join(folder, `${name}-npm`);
  const quiet = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
  step("npm", ["install", "--prefix", prefix, ...quiet, source]);
  // Relative: the folder may be copied to another checkout.
  rmSync(join(folder, name), { force: true });
  symlinkSync(join(`${name}-npm`, "node_modules", ".bin", name), join(folder, name));
}

/** Fetches a Java server with all its dependencies, as plain jars in `lib`. */
function fetchByMaven(name, source) {
  const target = join(folder, name);
  const [, group, artifact, version] = /^maven:(.+):(.+)@(.+)$/.exec(source);
  const made = `${target}-module`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  const names = Object.entries({ groupId: group, artifactId: artifact, version });
  const dependency = names.map(([key, value]) => `<${key}>${value}</${key}>`).join("");
  writeFileSync(
    join(made, "pom.xml"),
    `<project><modelVersion>4.0.0</modelVersion><groupId>shardmill</groupId><artifactId>jars</artifactId><version>1</version><dependencies><dependency>${dependency}</dependency></dependencies></project>`,
  );
  const goal = ["dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"];
  step("mvn", ["--quiet", "--batch-mode", ...goal], { cwd: made });
  renameSync(made, target);
}

/** Builds a program that `go install` refuses, because its module replaces others. */
function buildInModule(name, source) {
  const module = join(folder, `${name}-module`);
  rmSync(module, { recursive: true, force: true });
  mkdirSync(module, { recursive: true });
  step("go", ["mod", "init", "build"], { cwd: module });
  step("go", ["get", "-tool", source], { cwd: module });
  step("go", ["build", "-o", join(folder, name), source.split("@")[0]], { cwd: module });
}

const [project, ...rest] = process.argv.slice(2);
const programs = PROGRAMS[project];
if (programs === undefined) {
  console.error(`usage: node scripts/foreign.mjs ${Object.keys(PROGRAMS).join("|")}`);
  process.exit(2);
}
// Each set of versions has its own folder, so a new set never uses an old one's.
const versions = Object.values(programs).map((program) => program.split("@").at(-1));
const folder = join(root, ".scratch", `${project}-${versions.join("-")}`);
for (const [name, source] of Object.entries(programs)) {
  if (existsSync(join(folder, name))) continue;
  if (source.startsWith("npm:")) installByNpm(name, source.slice("npm:".length));
  else if (source.startsWith("maven:")) fetchByMaven(name, source);
  else if (source.startsWith("module:")) buildInModule(name, source.slice("module:".length));
  else step("go", ["install", "-tags", TAGS[project] ?? "", source], { env: { GOBIN: folder } });
}
if (OWN[project] !== undefined) {
  const source = join(root, "test", "external", ...OWN[project]);
  const client = join(folder, `${OWN[project].at(-1)}-client`);
  if (existsSync(join(source, "go.mod"))) step("go", ["build", "-o", client, "."], { cwd: source });
  const python = join(folder, "python");
  const [wanted, had] = [join(source, "requirements.txt"), join(python, "requirements.txt")];
  const isMade = () => existsSync(had) && readFileSync(had, "utf8") === readFileSync(wanted, "utf8");
  if (existsSync(wanted) && !isMade()) {
    step("python3", ["-m", "venv", "--clear", python]);
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--requirement", wanted];
    step(join(python, "bin", "python"), pip);
    // Copied last, so that an incomplete environment is made again.
    copyFileSync(wanted, had);
  }
}
if (project === "readers")
  step("sh", [join(root, "bench", "peers", "setup.sh"), join(root, "bench", ".data", "peers-venv")]);
// With --fetch it only fetches, and prints the folder.
if (rest[0] === "--fetch") {
  console.log(folder);
  process.exit(0);
}
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
step(process.execPath, [vitest, "run", "--project", project, ...rest], {
  env: { SHARDMILL_FOREIGN: folder },
});
