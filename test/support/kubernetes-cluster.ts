import { execFile, spawn } from "node:child_process";
import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { until } from "./job-processes.ts";

const execFileAsync = promisify(execFile);
const SCRIPT = join(packageRoot, "scripts", "kubernetes", "cluster.sh");
/** Folder of the results of build.sh and image.sh. */
const PROGRAMS = process.env.SHARDMILL_KUBERNETES ?? join(packageRoot, ".scratch", "kubernetes");
/** Limit of a wait: a job may wait for its pods' images, for planning, and for Kubernetes' back-off. */
const LIMIT_MS = 600_000;
/** Interval of queries. Each is a process, on a busy machine. */
const ASK_MS = 400;
/** User of the image. */
const USER = 1_000;

interface PodStatus {
  readonly name: string;
  readonly phase: string;
  readonly restarts: number;
  readonly ready: boolean;
  /** Node that it runs on. Null: not assigned yet. */
  readonly node: string | null;
}

/** A real Kubernetes of one node, on this machine. Needs root, and the build of `npm run test:kubernetes`. */
export class KubernetesCluster implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param more additions: KEDA, enforced network policies, simulated nodes */
  static async start(...more: readonly ("keda" | "policies" | "nodes")[]): Promise<KubernetesCluster> {
    const cluster = new KubernetesCluster(await mkdtemp(join(tmpdir(), "shardmill-kubernetes-")));
    try {
      await execFileAsync(SCRIPT, ["up", cluster.state, PROGRAMS]);
      for (const what of more) await execFileAsync(SCRIPT, [what, cluster.state, PROGRAMS]);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get state(): string {
    return join(this.folder, "state");
  }

  program(name: string): string {
    return join(PROGRAMS, name);
  }

  /**
   * Runs kubectl and returns its output.
   *
   * @throws {Error} with its error output when it fails
   */
  async kubectl(...args: readonly string[]): Promise<string> {
    const at = ["--kubeconfig", join(this.state, "admin.conf"), "--namespace", "shardmill"];
    const { stdout } = await execFileAsync(this.program("kubectl"), [...at, ...args]);
    return stdout.trim();
  }

  /** Renders a kustomization of the repository. */
  rendered(kustomization: string): Promise<string> {
    return this.kubectl("kustomize", join(packageRoot, kustomization));
  }

  async applyText(text: string, ...args: readonly string[]): Promise<string> {
    const path = join(this.folder, "apply.yaml");
    await writeFile(path, text);
    return await this.kubectl("apply", "--filename", path, ...args);
  }

  /**
   * Applies a kustomization that refers to one of deploy/kubernetes, with files beside it, as a user would.
   */
  async applyOverlay(
    { base, components = [] }: { readonly base: string; readonly components?: readonly string[] },
    kustomization: object,
    files: Readonly<Record<string, string>>,
  ): Promise<void> {
    const folder = join(this.folder, "overlay");
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    const at = (name: string) => relative(folder, join(packageRoot, "deploy", "kubernetes", name));
    const text = stringify({
      resources: [at(base), ...Object.keys(files).filter(isManifest)],
      components: components.map((name) => at(join("components", name))),
      ...kustomization,
    });
    for (const [name, content] of Object.entries({ ...files, "kustomization.yaml": text }))
      await writeFile(join(folder, name), content);
    await this.kubectl("apply", "--kustomize", folder);
  }

  /** Returns all pods of a component: `coordinator`, `worker`. */
  async pods(component: string): Promise<readonly PodStatus[]> {
    const label = `app.kubernetes.io/component=${component}`;
    const { items } = JSON.parse(await this.kubectl("get", "pods", "--selector", label, "--output=json"));
    return (items as KubernetesPod[]).map(({ metadata, spec, status }) => ({
      name: metadata.name,
      phase: status.phase,
      restarts: status.containerStatuses?.[0]?.restartCount ?? 0,
      ready: status.containerStatuses?.[0]?.ready === true,
      node: spec.nodeName ?? null,
    }));
  }

  /**
   * Evicts a pod, as a drain of its node would.
   *
   * @throws {Error} when a disruption budget forbids it
   */
  async evict(pod: string): Promise<void> {
    const path = join(this.folder, "eviction.json");
    const metadata = { name: pod, namespace: "shardmill" };
    await writeFile(path, JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata }));
    await this.kubectl(
      "create",
      `--raw=/api/v1/namespaces/shardmill/pods/${pod}/eviction`,
      "--filename",
      path,
    );
  }

  /** Returns the exit code of a terminating pod, and the seconds until its end. */
  async endOfPod(pod: string): Promise<{ readonly code: number; readonly seconds: number }> {
    const startMs = performance.now();
    const shown = "--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}{'\\n'}";
    const at = ["--kubeconfig", join(this.state, "admin.conf"), "--namespace", "shardmill"];
    const watching = spawn(this.program("kubectl"), [...at, "get", "pod", pod, "--watch", shown], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: LIMIT_MS,
    });
    try {
      for await (const line of createInterface(watching.stdout))
        if (line !== "") return { code: Number(line), seconds: (performance.now() - startMs) / 1_000 };
      throw new Error(`pod ${pod} did not end`);
    } finally {
      watching.kill();
    }
  }

  /**
   * Repeats a query until its answer is not null.
   *
   * @throws {Error} at the time limit, with the state of the cluster
   */
  async until<T>(what: string, answer: () => Promise<T | null>): Promise<T> {
    const answerSeldom = async () => {
      const found = await answer();
      if (found === null) await sleep(ASK_MS, NEVER);
      return found;
    };
    try {
      return await until(what, answerSeldom, LIMIT_MS);
    } catch (error) {
      const told = await this.#everything();
      throw new Error(`${what} did not appear:\n${told}`, { cause: error });
    }
  }

  async #everything(): Promise<string> {
    const shown = await this.kubectl("get", "pods,jobs,events", "--output=wide").catch(String);
    const logs = await Promise.all(
      ["coordinator", "worker"].map((component) =>
        this.kubectl("logs", "--selector", `app.kubernetes.io/component=${component}`, "--prefix").catch(
          String,
        ),
      ),
    );
    return [shown, ...logs].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execFileAsync(SCRIPT, ["down", this.state]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Name of the image that image.sh built. */
export const IMAGE = { name: "shardmill", newName: "localhost/shardmill", newTag: "test" };

/** Returns a kustomization's patch of one resource. */
export function patchOf(apiVersion: string, kind: string, name: string, spec: object): object {
  return { patch: stringify({ apiVersion, kind, metadata: { name, namespace: "shardmill" }, spec }) };
}

/** Returns a folder of this machine as the volume of a claim. */
export function volumeOf(folder: string, claim: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "data" },
    spec: {
      capacity: { storage: "10Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: folder },
      claimRef: { namespace: "shardmill", name: claim },
    },
  });
}

/** Changes the owner of a folder and its files to the image's user. */
export async function giveToImage(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) await chown(join(folder, name), USER, USER);
  await chown(folder, USER, USER);
}

interface KubernetesPod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
}

function isManifest(name: string): boolean {
  return name.endsWith(".yaml") && name !== "job.yaml";
}
