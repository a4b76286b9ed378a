import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { KnownJob } from "../../support/known-job.ts";
import { KubernetesCluster } from "../../support/kubernetes-cluster.ts";
import { startJob } from "../../support/kubernetes-job.ts";

/** Placement of deploy/kubernetes workers by a real scheduler, on GPU nodes that kwok simulates. */

let cluster: KubernetesCluster;
beforeAll(async () => {
  cluster = await KubernetesCluster.start("nodes");
  await cluster.kubectl("apply", "--filename", join(packageRoot, "deploy/kubernetes/base/namespace.yaml"));
  await cluster.applyText(NODES.map((node) => JSON.stringify(node)).join("\n---\n"));
  await cluster.kubectl("wait", "--for=condition=Ready", "--timeout=120s", "node", "--selector=type=fake");
  // No pod must run, so the real node is closed.
  await cluster.kubectl("cordon", "node");
});
afterAll(() => cluster?.[Symbol.asyncDispose](), 600_000);

const GPU_TAINT = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" };
/** Marks of preemptible nodes in clouds: a label, and an equal taint. */
const SPOT = {
  gke: ["cloud.google.com/gke-spot", "true"],
  azure: ["kubernetes.azure.com/scalesetpriority", "spot"],
  karpenter: ["karpenter.sh/capacity-type", "spot"],
} as const;

interface FakeNode {
  readonly gpus?: number;
  readonly labels?: object;
  readonly taints?: readonly object[];
}

function fakeNode(name: string, { gpus = 0, labels = {}, taints = [] }: FakeNode): object {
  const has = { cpu: "32", memory: "256Gi", pods: "110", ...(gpus === 0 ? {} : { "nvidia.com/gpu": gpus }) };
  const annotations = { "kwok.x-k8s.io/node": "fake" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations,
      labels: { type: "fake", "kubernetes.io/hostname": name, ...labels },
    },
    spec: { taints },
    status: { allocatable: has, capacity: has },
  };
}

const spotNode = (cloud: keyof typeof SPOT, gpus: number) => {
  const [key, value] = SPOT[cloud];
  return fakeNode(cloud, {
    gpus,
    labels: { [key]: value },
    taints: [GPU_TAINT, { key, value, effect: "NoSchedule" }],
  });
};

const NODES = [
  fakeNode("plain", {}),
  fakeNode("gpu", { gpus: 4, taints: [GPU_TAINT] }),
  spotNode("gke", 2),
  spotNode("azure", 1),
  spotNode("karpenter", 1),
];

/** Returns the number of workers by node. `null`: workers without a node. */
async function workersByNode(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { node } of await cluster.pods("worker")) counts[`${node}`] = (counts[`${node}`] ?? 0) + 1;
  return counts;
}

/** Waits until the scheduler has considered all workers. */
async function untilScheduled(count: number): Promise<Record<string, number>> {
  await cluster.until(`${count} workers, each with a node or refused`, async () => {
    const shown =
      "--output=jsonpath={range .items[*]}{.status.conditions[?(@.type=='PodScheduled')].status}{' '}{end}";
    const said = await cluster.kubectl("get", "pods", "--selector=app.kubernetes.io/component=worker", shown);
    return said.split(/\s+/).filter((status) => /^(True|False)$/.test(status)).length === count ? true : null;
  });
  return await workersByNode();
}

const whyNot = () =>
  cluster.kubectl(
    "get",
    "pods",
    "--output=jsonpath={.items[*].status.conditions[?(@.reason=='Unschedulable')].message}",
  );

async function startWorkers(components: readonly string[], parallelism: number): Promise<void> {
  await using job = await KnownJob.make({ rows: 100 });
  await startJob(cluster, job, { components, parallelism, isSuspended: true });
}

describe("the scheduling of workers", () => {
  afterEach(async () => {
    await cluster.kubectl("delete", "job,service,pvc,configmap,secret", "--all", "--wait");
    await cluster.kubectl("delete", "persistentvolume", "data", "--wait");
    await cluster.until("an empty namespace", async () =>
      (await cluster.pods("worker")).length === 0 ? true : null,
    );
  });

  test("workers without a GPU are not placed on GPU nodes", async () => {
    await startWorkers([], 6);
    expect(await untilScheduled(6)).toEqual({ plain: 6 });
  });

  test("four workers with a GPU fill a node of four GPUs, and the others wait", async () => {
    await startWorkers(["gpu"], 6);
    expect(await untilScheduled(6)).toEqual({ gpu: 4, null: 2 });
    const why = await whyNot();
    // The plain node and the full one, then those on spot.
    expect(why).toMatch(/2 Insufficient nvidia\.com\/gpu/);
    expect(why).toMatch(/3 node\(s\) had untolerated taint/);
  });

  test("workers that tolerate spot nodes fill them first and then other nodes, up to the number of GPUs", async () => {
    await startWorkers(["gpu", "spot"], 4);
    expect(await untilScheduled(4)).toEqual({ gke: 2, azure: 1, karpenter: 1 });
    await cluster.kubectl("patch", "job", "shardmill-workers", "--patch", '{"spec":{"parallelism":9}}');
    expect(await untilScheduled(9)).toEqual({ gke: 2, azure: 1, karpenter: 1, gpu: 4, null: 1 });
  });
});
