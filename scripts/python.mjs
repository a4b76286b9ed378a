// Tests the Python projects, each in its own environment below .scratch/, which is made once.
// - client: the client (integrations/python). Checks its types by mypy, and its calls against real
//   coordinators and workers by pytest. Also installs its wheel elsewhere, with the oldest supported
//   libraries.
// - airflow: the provider (integrations/airflow) in a real Airflow, by pytest.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, step } from "./step.mjs";

const client = join(root, "integrations", "python");
const PIP = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet"];

/** Returns the interpreter of an environment with `installed`. */
function environmentOf(name, source, installed) {
  const environment = join(root, ".scratch", `python-${name}`);
  const python = join(environment, "bin", "python");
  const [wanted, had] = [join(source, "pyproject.toml"), join(environment, "pyproject.toml")];
  if (!existsSync(had) || readFileSync(had, "utf8") !== readFileSync(wanted, "utf8")) {
    step("python3", ["-m", "venv", "--clear", environment]);
    step(python, [...PIP, ...installed]);
    // Copied last, so that an incomplete environment is made again.
    copyFileSync(wanted, had);
  }
  return python;
}

function tryWheel(python) {
  const folder = mkdtempSync(join(tmpdir(), "shardmill-wheel-"));
  try {
    step(python, ["-m", "build", "--wheel", "--outdir", folder, client]);
    const [wheel = ""] = readdirSync(folder);
    const elsewhere = join(folder, "elsewhere");
    step("python3", ["-m", "venv", elsewhere]);
    const installed = join(elsewhere, "bin", "python");
    step(installed, [...PIP, join(folder, wheel), "protobuf==4.25.*", "pytest"]);
    step(installed, ["-c", "import shardmill.aio; print(shardmill.Client().jobs.__doc__)"], { cwd: folder });
    step(installed, ["-m", "pytest", "-q", "--noconftest", join(client, "tests", "test_pure.py")], folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [project, ...rest] = process.argv.slice(2);
if (project === "airflow") {
  const provider = join(root, "integrations", "airflow");
  const installed = ["--editable", client, "--editable", `${provider}[test]`];
  step(environmentOf("airflow", provider, installed), ["-m", "pytest", "-q", ...rest], { cwd: provider });
} else if (project === "client") {
  const python = environmentOf("client", client, ["--editable", `${client}[test]`]);
  step(python, ["-m", "mypy"], { cwd: client });
  step(python, ["-m", "pytest", "-q", ...rest], { cwd: client });
  tryWheel(python);
} else {
  console.error("usage: node scripts/python.mjs client|airflow");
  process.exit(2);
}
