import type { WorkloadName } from "../workloads/workload.ts";

export const PEERS = ["python", "duckdb", "ray", "daft", "spark"] as const;
export type PeerName = (typeof PEERS)[number];

interface Peer {
  readonly title: string;
  readonly script: string;
  /** Ways to run it, of which the fastest is taken; what each is stands in the script. */
  readonly variants: readonly string[];
  /** How many times as long as Shardmill it should take at least. */
  readonly aims: Readonly<Record<WorkloadName, number>>;
}

const AHEAD = { flights: 1, encoder: 1, vision: 1, text: 1, photos: 1 };

export const PEER_TABLE = {
  python: {
    title: "pyarrow + onnxruntime loop",
    script: "python_loop.py",
    variants: ["threads", "processes", "pipeline"],
    aims: AHEAD,
  },
  duckdb: {
    title: "DuckDB + onnxruntime loop",
    script: "duckdb_loop.py",
    variants: ["threads"],
    aims: AHEAD,
  },
  ray: {
    title: "Ray Data",
    script: "ray_data.py",
    variants: ["blocks", "repartition"],
    aims: { ...AHEAD, flights: 3 },
  },
  daft: { title: "Daft", script: "daft_udf.py", variants: ["threads", "processes"], aims: AHEAD },
  spark: {
    title: "Spark",
    script: "spark_arrow.py",
    variants: ["files", "repartition"],
    aims: { ...AHEAD, flights: 3 },
  },
} as const satisfies Record<PeerName, Peer>;

/**
 * What the tuning of a peer tries: rows of a workload, in three files, so that how a tool cuts them up counts
 * as it does with more; and batch sizes around what the model likes on a CPU.
 */
export const TUNING = {
  flights: { rows: 1_500_000, batchRows: [4_096, 16_384, 65_536] },
  encoder: { rows: 4_500, batchRows: [8, 16, 32] },
  vision: { rows: 12_000, batchRows: [8, 32, 128] },
  text: { rows: 600, batchRows: [1, 8, 32] },
  photos: { rows: 600, batchRows: [4, 16, 64] },
} as const satisfies Record<WorkloadName, { readonly rows: number; readonly batchRows: readonly number[] }>;
