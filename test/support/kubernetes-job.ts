import { readFile } from "node:fs/promises";
import type { KnownJob } from "./known-job.ts";
import { giveToImage, IMAGE, type KubernetesCluster, patchOf, volumeOf } from "./kubernetes-cluster.ts";

/** Address of the coordinator, known in advance because the cluster has no DNS. */
export const COORDINATOR_ADDRESS = "10.96.0.50";

const TLS_SECRETS = [
  { name: "shardmill-tls", namespace: "shardmill", files: ["ca.crt", "tls.crt", "tls.key"] },
  {
    name: "shardmill-worker-tls",
    namespace: "shardmill",
    files: ["tls.crt=worker.crt", "tls.key=worker.key"],
  },
];

interface StartOptions {
  /** Files of the Secrets for TLS. Default: no TLS. */
  readonly tls?: Readonly<Record<string, string>>;
  /** Parallelism of the workers' Job. */
  readonly parallelism?: number;
  /** Probes of the workers' container. */
  readonly probes?: object;
  /** Components of deploy/kubernetes besides those for TLS. */
  readonly components?: readonly string[];
  /** True when no coordinator is started. */
  readonly isSuspended?: boolean;
}

/** Applies a job as in deploy/kubernetes/job, with its folder as the coordinator's volume. */
export async function startJob(
  cluster: KubernetesCluster,
  job: KnownJob,
  { tls, parallelism = 2, probes = {}, components = [], isSuspended = false }: StartOptions = {},
): Promise<void> {
  const place = { input: { path: "/data/data" }, model: { path: "/data/model.onnx" } };
  await job.writeSpec({ ...place, output: { path: "/data/out" } });
  await giveToImage(job.at());
  const workers = {
    parallelism,
    template: {
      spec: {
        hostAliases: [{ ip: COORDINATOR_ADDRESS, hostnames: ["shardmill-coordinator"] }],
        containers: [
          { name: "worker", resources: { requests: { cpu: "100m", memory: "256Mi" } }, ...probes },
        ],
      },
    },
  };
  await cluster.applyOverlay(
    { base: "job", components: [...components, ...(tls === undefined ? [] : ["tls", "worker-tls"])] },
    {
      images: [IMAGE],
      generatorOptions: { disableNameSuffixHash: true },
      configMapGenerator: [{ name: "shardmill-job", namespace: "shardmill", files: ["job.yaml"] }],
      secretGenerator: [
        {
          name: "shardmill-secret",
          namespace: "shardmill",
          literals: [`secret=${"0123456789abcdef".repeat(4)}`],
        },
        ...(tls === undefined ? [] : TLS_SECRETS),
      ],
      patches: [
        patchOf("v1", "Service", "shardmill-coordinator", { clusterIP: COORDINATOR_ADDRESS }),
        patchOf("batch/v1", "Job", "shardmill-coordinator", { suspend: isSuspended }),
        patchOf("batch/v1", "Job", "shardmill-workers", workers),
      ],
    },
    {
      ...tls,
      "volume.yaml": volumeOf(job.at(), "shardmill-data"),
      "job.yaml": await readFile(job.path, "utf8"),
    },
  );
}
