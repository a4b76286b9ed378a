import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { TestCa } from "../../support/certificates.ts";
import { slowJob } from "../../support/interrupted-job.ts";
import { untilCommitted } from "../../support/job-processes.ts";
import { expectRightAnswer, readManifestOf } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { KubernetesCluster } from "../../support/kubernetes-cluster.ts";
import { startJob } from "../../support/kubernetes-job.ts";

/** deploy/kubernetes on a real Kubernetes, with the image of deploy/container. */

let cluster: KubernetesCluster;
beforeAll(async () => {
  cluster = await KubernetesCluster.start();
  // Resources in a namespace need the namespace.
  await cluster.kubectl("apply", "--filename", join(packageRoot, "deploy/kubernetes/base/namespace.yaml"));
});
afterAll(() => cluster?.[Symbol.asyncDispose](), 600_000);

describe("a real API server", () => {
  const taken = ["deploy/kubernetes/job", "deploy/kubernetes/cron", "test/external/manifests/job"];

  test.each(taken)("accepts %s without a warning, and rejects an invalid value", async (kustomization) => {
    const text = await cluster.rendered(kustomization);
    const said = await cluster.applyText(
      text,
      "--dry-run=server",
      "--validate=strict",
      "--warnings-as-errors",
    );
    const objects = text.match(/^kind: /gm) ?? [];
    expect(said.match(/^\S+ \w+ \(server dry run\)$/gm)).toHaveLength(objects.length);
    const wrong = text.replace("restartPolicy: Never", "restartPolicy: Newer");
    await expect(cluster.applyText(wrong, "--dry-run=server")).rejects.toThrow(/Newer/);
  });
});

/** Returns the end of a Kubernetes Job, or null while it runs. */
async function endOf(name: string): Promise<string | null> {
  const { status } = JSON.parse(await cluster.kubectl("get", "job", name, "--output=json"));
  const conditions: readonly { type: string; status: string; message?: string }[] = status.conditions ?? [];
  const end = conditions.find(({ type, status }) => /^(Complete|Failed)$/.test(type) && status === "True");
  return end === undefined ? null : `${end.type}${end.type === "Failed" ? ` ${end.message}` : ""}`;
}

async function expectPublished(job: KnownJob): Promise<void> {
  for (const name of ["shardmill-coordinator", "shardmill-workers"])
    expect(await cluster.until(`the end of ${name}`, () => endOf(name))).toBe("Complete");
  await expectRightAnswer(job);
}

describe("one job on Kubernetes", () => {
  afterEach(async () => {
    await cluster.kubectl("delete", "job,service,pvc,configmap,secret", "--all", "--wait");
    await cluster.kubectl("delete", "persistentvolume", "data", "--wait");
  });

  test("is published by unprivileged pods, which all exit by themselves", async () => {
    await using job = await slowJob();
    await startJob(cluster, job);
    await expectPublished(job);
    expect((await cluster.pods("coordinator")).map(({ phase }) => phase)).toEqual(["Succeeded"]);
  }, 420_000);

  test("continues in new pods when the pods of its coordinator and of a worker are deleted", async () => {
    // Pods take a while to stop and to start.
    await using job = await slowJob(160);
    await startJob(cluster, job);
    const before = await untilCommitted(job, 3);
    const [worker] = await cluster.pods("worker");
    await cluster.kubectl("delete", "pod", `${worker?.name}`, "--wait=false");
    const [coordinator] = await cluster.pods("coordinator");
    await cluster.kubectl("delete", "pod", `${coordinator?.name}`, "--wait=false");
    await expectPublished(job);
    const { attempts, shards } = await readManifestOf(job);
    // Shards that were already committed did not run again.
    expect(before.committed.length).toBeGreaterThanOrEqual(3);
    expect(attempts).toBeLessThan(before.granted + shards);
    // A worker that starts after the end of the job waits for a coordinator until its patience ends.
  }, 900_000);

  test("replaces a worker that is deleted while it starts, and that worker exits with code 75", async () => {
    await using job = await KnownJob.make({ rows: 600 });
    await startJob(cluster, job, { parallelism: 1, isSuspended: true });
    const pod = await cluster.until("a worker's container", async () => {
      const [first] = await cluster.pods("worker");
      return first?.phase === "Running" ? first : null;
    });
    const end = cluster.endOfPod(pod.name);
    await cluster.kubectl("delete", "pod", pod.name, "--wait=false");
    expect((await end).code).toBe(75);
    await cluster.until("another worker", async () =>
      (await cluster.pods("worker")).some(({ name }) => name !== pod.name) ? true : null,
    );
    expect(await endOf("shardmill-workers")).toBe(null);
    await cluster.kubectl("patch", "job", "shardmill-coordinator", "--patch", '{"spec":{"suspend":false}}');
    await expectPublished(job);
  }, 420_000);

  test("continues when its coordinator is killed", async () => {
    await using job = await slowJob();
    await startJob(cluster, job);
    await untilCommitted(job, 3);
    const [pod] = await cluster.pods("coordinator");
    await cluster.kubectl("delete", "pod", `${pod?.name}`, "--grace-period=0", "--force");
    await expectPublished(job);
  }, 420_000);

  test("is published over TLS, and its pods are probed over HTTPS", async () => {
    await using job = await slowJob();
    const ca = await TestCa.make(job.folder);
    const coordinator = await ca.sign({ name: "coordinator", host: "shardmill-coordinator" });
    const worker = await ca.sign({ name: "worker" });
    const files = {
      "ca.crt": ca.path,
      "tls.crt": coordinator.cert,
      "tls.key": coordinator.key,
      "worker.crt": worker.cert,
      "worker.key": worker.key,
    };
    const read = Object.entries(files).map(async ([name, path]) => [name, await readFile(path, "utf8")]);
    await startJob(cluster, job, { tls: Object.fromEntries(await Promise.all(read)) });
    for (const component of ["coordinator", "worker"])
      await cluster.until(`a ${component} that is ready`, async () =>
        (await cluster.pods(component)).some(({ ready }) => ready) ? true : null,
      );
    await expectPublished(job);
  }, 420_000);

  test("is published with all rows after a hanging worker is replaced", async () => {
    await using job = await slowJob();
    await startJob(cluster, job, {
      parallelism: 1,
      probes: { livenessProbe: { periodSeconds: 2, failureThreshold: 2 } },
    });
    const before = await untilCommitted(job, 3);
    const [pod] = await cluster.pods("worker");
    const end = cluster.endOfPod(`${pod?.name}`);
    await cluster.kubectl("exec", `${pod?.name}`, "--", "node", "--eval", STOP_WORKERS);
    // The worker cannot hand its shards back. The coordinator has already assigned them to others.
    expect((await end).code).toBe(75);
    await expectPublished(job);
    expect((await readManifestOf(job)).attempts).toBeGreaterThan(before.shards);
    const said = await cluster.kubectl("get", "events", "--output=jsonpath={.items[*].message}");
    expect(said).toMatch(/Liveness probe failed: HTTP probe failed with statuscode: 503/);
  }, 600_000);
});

/** Script that stops the working processes in their container, while their supervisor continues. */
const STOP_WORKERS = `
  const { readdirSync, readFileSync } = require("node:fs");
  const own = String(process.pid);
  const all = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name) && name !== own);
  const hung = all.filter((pid) => readFileSync("/proc/" + pid + "/cmdline", "utf8").includes("worker-process"));
  if (hung.length !== 1) throw new Error(hung.length + " processes work here");
  process.kill(Number(hung[0]), "SIGSTOP");
`;
