import type { WorkloadName } from "../workloads/workload.ts";

export const PEERS = ["python", "duckdb", "ray", "daft", "spark", "torchvision", "sentences"] as const;
export type PeerName = (typeof PEERS)[number];

/** Python environments, and the files of their packages. */
export const ENVIRONMENTS = { peers: "requirements.txt", torch: "requirements-torch.txt" } as const;
export type EnvironmentName = keyof typeof ENVIRONMENTS;

interface Peer {
  readonly title: string;
  readonly script: string;
  /** Python environment. PyTorch has its own, because Ray loads it where it is installed. */
  readonly environment: EnvironmentName;
  /** Workloads that the peer can run. Default: all. */
  readonly workloads?: readonly WorkloadName[];
  /** Variants of a run, explained in the script. The fastest counts. */
  readonly variants: readonly string[];
  /** Aim by workload: its least time as a multiple of Shardmill's. */
  readonly aims: Readonly<Record<WorkloadName, number>>;
}

const AHEAD = { flights: 1, encoder: 1, vision: 1, text: 1, photos: 1 };

export const PEER_TABLE = {
  python: {
    title: "pyarrow + onnxruntime loop",
    script: "python_loop.py",
    environment: "peers",
    variants: ["threads", "processes", "pipeline"],
    aims: AHEAD,
  },
  duckdb: {
    title: "DuckDB + onnxruntime loop",
    script: "duckdb_loop.py",
    environment: "peers",
    variants: ["threads"],
    aims: AHEAD,
  },
  ray: {
    title: "Ray Data",
    script: "ray_data.py",
    environment: "peers",
    variants: ["blocks", "repartition"],
    aims: { ...AHEAD, flights: 3 },
  },
  daft: {
    title: "Daft",
    script: "daft_udf.py",
    environment: "peers",
    variants: ["threads", "processes"],
    aims: AHEAD,
  },
  spark: {
    title: "Spark",
    script: "spark_arrow.py",
    environment: "peers",
    variants: ["files", "repartition"],
    aims: { ...AHEAD, flights: 3 },
  },
  torchvision: {
    title: "torchvision + onnxruntime loop",
    script: "torchvision_loop.py",
    environment: "torch",
    workloads: ["photos"],
    variants: ["workers", "inline"],
    aims: AHEAD,
  },
  sentences: {
    title: "sentence-transformers",
    script: "sentence_transformers_loop.py",
    environment: "torch",
    workloads: ["text"],
    variants: ["onnx"],
    aims: AHEAD,
  },
} as const satisfies Record<PeerName, Peer>;

/** Returns those of some peers that can run a workload. */
export function peersOf(name: WorkloadName, peers: readonly PeerName[]): readonly PeerName[] {
  return peers.filter((peer) => {
    const { workloads = [name] }: Peer = PEER_TABLE[peer];
    return workloads.includes(name);
  });
}

/**
 * Choices of a peer's tuning. The rows fill three files, so that a tool's partitioning matters as in larger
 * runs. Batch sizes are around the model's best on a CPU.
 */
export const TUNING = {
  flights: { rows: 1_500_000, batchRows: [4_096, 16_384, 65_536] },
  encoder: { rows: 4_500, batchRows: [8, 16, 32] },
  vision: { rows: 12_000, batchRows: [8, 32, 128] },
  text: { rows: 600, batchRows: [1, 8, 32] },
  photos: { rows: 600, batchRows: [4, 16, 64] },
} as const satisfies Record<WorkloadName, { readonly rows: number; readonly batchRows: readonly number[] }>;
