import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { slowJob } from "../../support/interrupted-job.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import type { KnownJob } from "../../support/known-job.ts";
import {
  giveToImage,
  IMAGE,
  KubernetesCluster,
  patchOf,
  volumeOf,
} from "../../support/kubernetes-cluster.ts";

/** deploy/kubernetes/standing on a real Kubernetes, with a real KEDA. */

/** Address of the coordinator, known in advance because the cluster has no DNS. */
const ADDRESS = "10.96.0.51";

let cluster: KubernetesCluster;
beforeAll(async () => {
  cluster = await KubernetesCluster.start("keda");
  await cluster.kubectl("apply", "--filename", join(packageRoot, "deploy/kubernetes/base/namespace.yaml"));
});
afterAll(() => cluster?.[Symbol.asyncDispose](), 600_000);

test.each(["deploy/kubernetes/standing", "test/external/manifests/standing"])(
  "a real API server accepts %s with KEDA's own kinds, and rejects an unknown key",
  async (kustomization) => {
    const text = await cluster.rendered(kustomization);
    const said = await cluster.applyText(text, "--dry-run=server", "--validate=strict");
    expect(said).toContain("scaledobject.keda.sh/shardmill-workers created");
    const wrong = text.replace("cooldownPeriod:", "coolDownPeriod:");
    await expect(cluster.applyText(wrong, "--dry-run=server", "--validate=strict")).rejects.toThrow(
      /coolDownPeriod/,
    );
  },
);

async function start(job: KnownJob): Promise<void> {
  await giveToImage(job.at());
  const workers = {
    template: {
      spec: {
        hostAliases: [{ ip: ADDRESS, hostnames: ["shardmill-coordinator"] }],
        containers: [{ name: "worker", resources: { requests: { cpu: "100m", memory: "256Mi" } } }],
      },
    },
  };
  const scaling = [
    { op: "replace", path: "/spec/triggers/0/metadata/scalerAddress", value: `${ADDRESS}:7433` },
    { op: "replace", path: "/spec/cooldownPeriod", value: 5 },
    { op: "replace", path: "/spec/pollingInterval", value: 2 },
    { op: "replace", path: "/spec/maxReplicaCount", value: 3 },
  ];
  await cluster.applyOverlay(
    { base: "standing" },
    {
      images: [IMAGE],
      patches: [
        patchOf("v1", "Service", "shardmill-coordinator", { clusterIP: ADDRESS }),
        patchOf("apps/v1", "Deployment", "shardmill-workers", workers),
        { target: { kind: "ScaledObject" }, patch: stringify(scaling) },
      ],
    },
    { "volume.yaml": volumeOf(job.at(), "data-shardmill-coordinator-0") },
  );
  await cluster.until("a coordinator", async () =>
    (await cluster.kubectl(
      "get",
      "statefulset",
      "shardmill-coordinator",
      "--output=jsonpath={.status.readyReplicas}",
    )) === "1"
      ? true
      : null,
  );
}

const shardmill = (...args: readonly string[]) =>
  cluster.kubectl("exec", "shardmill-coordinator-0", "--", "shardmill", ...args);

const untilWorkers = (count: number, what: string) =>
  cluster.until(what, async () => {
    const pods = await cluster.pods("worker");
    return pods.length === count && pods.every(({ ready }) => ready) ? pods : null;
  });

async function budgetOf(name: string): Promise<{ readonly healthy: number; readonly allowed: number }> {
  const { status } = JSON.parse(await cluster.kubectl("get", "pdb", name, "--output=json"));
  return { healthy: status.currentHealthy, allowed: status.disruptionsAllowed };
}

describe("a coordinator without a job file", () => {
  test("KEDA starts and stops its workers with the work, and only permitted evictions succeed", async () => {
    // 72 shards, with 8 for each worker: as many workers as allowed.
    await using job = await slowJob(72);
    await start(job);
    const token = await shardmill("token", "create", "--role", "work", "--name", "workers");
    await cluster.kubectl("create", "secret", "generic", "shardmill-worker", `--from-literal=token=${token}`);
    await untilWorkers(0, "no worker without work");
    await shardmill("submit", "/data/job.yaml");
    const [first, second, third] = await untilWorkers(3, "three workers for the work");
    const name = (pod: typeof first) => `${pod?.name}`;

    await cluster.until("the permitted evictions", async () => {
      const { healthy, allowed } = await budgetOf("shardmill-workers");
      return healthy === 3 && allowed === 2 ? true : null;
    });
    await expect(cluster.evict("shardmill-coordinator-0")).rejects.toThrow(/disruption budget/);
    const ends = [first, second].map((pod) => cluster.endOfPod(name(pod)));
    await cluster.evict(name(first));
    await cluster.evict(name(second));
    await expect(cluster.evict(name(third))).rejects.toThrow(/disruption budget/);
    for (const { code, seconds } of await Promise.all(ends)) {
      // The pod was not killed.
      expect(code).toBe(0);
      expect(seconds).toBeLessThan(40);
    }

    await cluster.until("a published job", async () =>
      /published/.test(await shardmill("status", "--json").catch(() => "")) ? true : null,
    );
    await expectRightAnswer(job, { running: true });
    await untilWorkers(0, "no worker after the work");
  }, 900_000);
});
