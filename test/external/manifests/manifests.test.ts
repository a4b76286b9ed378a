import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { packageRoot } from "../../../shared/core/package-root.ts";

/**
 * deploy/kubernetes, read by kustomize and checked by Kubernetes' own schemas. `npm run manifests` fetches
 * both.
 */

const foreign = process.env.SHARDMILL_FOREIGN ?? "";
const execFileAsync = promisify(execFile);
const DEPLOY = join(packageRoot, "deploy", "kubernetes");
const TAKEN = {
  job: join(DEPLOY, "job"),
  standing: join(DEPLOY, "standing"),
  cron: join(DEPLOY, "cron"),
  "job with all components": join(packageRoot, "test", "external", "manifests", "job"),
  "standing with all components": join(packageRoot, "test", "external", "manifests", "standing"),
};

interface Pod {
  readonly terminationGracePeriodSeconds?: number;
  readonly tolerations?: readonly { readonly key: string }[];
  readonly containers: readonly {
    readonly name: string;
    readonly args: readonly string[];
    readonly resources: { readonly limits: Readonly<Record<string, unknown>> };
  }[];
}

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: { readonly template?: { readonly spec: Pod }; readonly triggers?: readonly object[] };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-manifests-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function rendered(kustomization: string): Promise<string> {
  return (await execFileAsync(join(foreign, "kustomize"), ["build", kustomization])).stdout;
}

/**
 * Validates resources, and returns a line for each.
 *
 * @throws {Error} with the validator's output when one is invalid
 */
async function validated(text: string): Promise<string[]> {
  const path = join(folder, "rendered.yaml");
  await writeFile(path, text);
  const validate = join(foreign, "python", "bin", "kubernetes-validate");
  const { stdout, stderr } = await execFileAsync(validate, ["--strict", path]);
  return `${stdout}${stderr}`.trim().split("\n");
}

const resourcesOf = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Resource);

/** Returns the pod of the resource with this name, of any kind. */
function podOf(resources: readonly Resource[], name: string): Pod {
  const [pod] = resources.flatMap(({ metadata, spec }) =>
    metadata.name === name && spec?.template !== undefined ? [spec.template.spec] : [],
  );
  if (pod === undefined) throw new Error(`no pod of ${name}`);
  return pod;
}

describe.each(Object.entries(TAKEN))("%s", (_name, kustomization) => {
  test("is valid by the strict schemas of Kubernetes, except the kinds of KEDA", async () => {
    const text = await rendered(kustomization);
    const lines = await validated(text);
    const passed = lines.filter((line) => / passed for resource /.test(line));
    const unknown = lines.filter((line) => /Couldn't find schema for kind (ScaledObject|Trigger)/.test(line));
    expect(passed.length).toBeGreaterThan(0);
    expect([passed.length + unknown.length, lines.length]).toEqual([resourcesOf(text).length, lines.length]);
  });

  test("is in one namespace, and uses no name twice", async () => {
    const resources = resourcesOf(await rendered(kustomization));
    const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { kind, metadata } of resources)
      expect(metadata.namespace ?? metadata.name, kind).toBe("shardmill");
  });
});

test("the validator rejects a misspelt key and a wrong type", async () => {
  const text = await rendered(TAKEN.job);
  for (const [right, wrong] of [
    ["backoffLimit: 50", "backofLimit: 50"],
    ["parallelism: 4", "parallelism: four"],
  ] as const) {
    expect(text).toContain(right);
    await expect(validated(text.replace(right, wrong))).rejects.toThrow(/rendered\.yaml/);
  }
});

test("the components set device, TLS, tolerations and grace period", async () => {
  for (const kind of ["job", "standing"] as const) {
    const resources = resourcesOf(await rendered(TAKEN[`${kind} with all components`]));
    const worker = podOf(resources, "shardmill-workers");
    const [container] = worker.containers;
    expect(container?.args).toEqual(
      expect.arrayContaining(["--device=cuda", "--tls-ca=/etc/shardmill/tls/ca.crt"]),
    );
    expect(container?.resources.limits["nvidia.com/gpu"]).toBe(1);
    expect(worker.tolerations?.map(({ key }) => key).sort()).toEqual([
      "cloud.google.com/gke-spot",
      "karpenter.sh/capacity-type",
      "kubernetes.azure.com/scalesetpriority",
      "nvidia.com/gpu",
    ]);
    expect(worker.terminationGracePeriodSeconds).toBe(25);
    const coordinator = podOf(resources, "shardmill-coordinator").containers[0]?.args;
    expect(coordinator).not.toContain("--insecure");
    expect(coordinator).toContain("--tls-cert=/etc/shardmill/tls/tls.crt");
  }
  const standing = resourcesOf(await rendered(TAKEN["standing with all components"]));
  expect(standing.find(({ kind }) => kind === "ScaledObject")?.spec.triggers).toMatchObject([
    { metadata: { enableTLS: "true" }, authenticationRef: { name: "shardmill-tls" } },
  ]);
});

test("every component is in a tested overlay", async () => {
  const tried = await Promise.all(
    [TAKEN["job with all components"], TAKEN["standing with all components"]].map(async (folder) => {
      const { stdout } = await execFileAsync("cat", [join(folder, "kustomization.yaml")]);
      return stdout;
    }),
  );
  for (const name of await readdir(join(DEPLOY, "components")))
    expect(tried.join("\n")).toContain(`components/${name}\n`);
});

test("the container image includes every folder that the build reads", async () => {
  const kept = (await readFile(join(packageRoot, ".containerignore"), "utf8")).split("\n");
  const bundler = await readFile(join(packageRoot, "scripts", "bundle.mjs"), "utf8");
  const [, sources = ""] = /const SOURCES = \[(.*?)\]/.exec(bundler) ?? [];
  const named = [
    ...sources.matchAll(/"([a-z]+)"/g),
    ...bundler.matchAll(/"([a-z]+)\/[a-z.-]+\.(?:tsx?|css|html)"/g),
  ];
  const folders = [...new Set(named.map(([, folder = ""]) => folder))].sort();
  expect(folders).toEqual(["cli", "coordinator", "extensions", "page", "shared", "worker"]);
  expect(folders.filter((folder) => !kept.includes(`!${folder}`))).toEqual([]);
});

test("the CUDA provider has the same version as the installed package", async () => {
  const container = await readFile(join(packageRoot, "deploy", "container", "cuda.Containerfile"), "utf8");
  const { packages } = JSON.parse(await readFile(join(packageRoot, "package-lock.json"), "utf8"));
  const [, version] = /^ARG ONNXRUNTIME=(.*)$/m.exec(container) ?? [];
  expect(version).toBe(packages["node_modules/onnxruntime-node"].version);
});
