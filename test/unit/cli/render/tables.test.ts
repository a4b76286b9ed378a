import { describe, expect, it } from "vitest";
import { probeText } from "../../../../cli/render/probe-text.ts";
import { workersTable } from "../../../../cli/render/workers-table.ts";
import { type WorkerStatus, workerSession } from "../../../../shared/domain/worker.ts";

function aWorker(changes: Partial<WorkerStatus>): WorkerStatus {
  return {
    name: "node1-cpu0",
    hostname: "node1",
    pid: 1,
    device: "cpu",
    slots: 2,
    lanes: 4,
    threadsPerLane: 1,
    onnxruntimeVersion: "1.30.0",
    build: "0.1.0",
    mapping: "1",
    session: workerSession("s"),
    leases: 1,
    rowsCommitted: 2_000,
    shardsCommitted: 3,
    attemptsFailed: 0,
    excludedForSeconds: null,
    refused: null,
    gpuFault: null,
    secondsConnected: 65,
    secondsSinceHeartbeat: 1.25,
    busy: { read: 0.1, infer: 0.934 },
    batch: { rows: 40, length: 128, bound: "search" },
    fetching: null,
    ...changes,
  };
}

describe("the table of workers", () => {
  it("shows workers in the order of their names, with busiest stage and exclusion", () => {
    const workers = [
      aWorker({ name: "node3-cpu0", hostname: "node3", attemptsFailed: 7, excludedForSeconds: 0 }),
      aWorker({ name: "node2-cpu0", hostname: "node2", attemptsFailed: 3, excludedForSeconds: 48, busy: {} }),
      aWorker({}),
    ];
    expect(workersTable(workers).split("\n")).toEqual([
      "worker      host   device  lanes  leases  shards  rows  failed  excluded      busiest     batch     joined     heard",
      "node1-cpu0  node1  cpu     4 x 1  1 of 2       3  2000       0                infer 93 %  40 x 128  1m 5s ago  1.3s ago",
      "node2-cpu0  node2  cpu     4 x 1  1 of 2       3  2000       3  for 48.0s                 40 x 128  1m 5s ago  1.3s ago",
      "node3-cpu0  node3  cpu     4 x 1  1 of 2       3  2000       7  on probation  infer 93 %  40 x 128  1m 5s ago  1.3s ago",
    ]);
  });

  it("shows below the rows why a job refuses a worker", () => {
    const refused = "digits-1: output y: row 5 of a.parquet, value 0: 0.7 instead of 0.04";
    const [, row, reason] = workersTable([aWorker({ refused })]).split("\n");
    expect(row).toContain("  refused  ");
    expect(reason).toBe(`node1-cpu0 is refused by ${refused}`);
  });

  it("shows below the rows why a worker is excluded", () => {
    const [, row, reason] = workersTable([aWorker({ gpuFault: "Xid 79: it has fallen off the bus" })]).split(
      "\n",
    );
    expect(row).toContain("  unhealthy  ");
    expect(reason).toBe("node1-cpu0 is excluded: Xid 79: it has fallen off the bus");
  });

  it("shows below the rows which worker fetches a model, and its progress", () => {
    const fetching = { bytes: 3_328_599_654, totalBytes: 10_952_166_605, bytesPerSecond: 89_128_960 };
    const lines = workersTable([aWorker({ fetching, busy: {}, batch: null })]).split("\n");
    expect(lines.at(-1)).toBe("node1-cpu0 fetches the model: 3.1 GiB of 10.2 GiB, 85.0 MiB/s");
  });

  it("shows `no workers` when there are none", () => {
    expect(workersTable([])).toBe("no workers");
  });
});

describe("the result of a probe", () => {
  it("shows which devices run, how fast, hints for the others, and the libraries", () => {
    const devices = [
      { device: "cpu", ok: true, loadMs: 12.34, runMs: 0.5, detail: "computed 6 numbers", hint: null },
      {
        device: "cuda",
        ok: false,
        loadMs: null,
        runMs: null,
        detail: "no such library",
        hint: "install CUDA 12",
      },
    ] as const;
    const libraries = [{ serves: "JPEG images", used: "libvips", hint: "install libturbojpeg" }];
    const sessions = { shared: true, reason: null };
    expect(probeText({ devices, libraries, sessions }).split("\n")).toEqual([
      "device  runs  load ms  run ms  what happened",
      "cpu     yes      12.3     0.5  computed 6 numbers",
      "cuda    no                     no such library",
      "",
      "cuda: install CUDA 12",
      "",
      "work         library  advice",
      "JPEG images  libvips  install libturbojpeg",
      "",
      "CPU lanes share the weights of a large model.",
    ]);
    const separate = { shared: false, reason: "not tested on darwin" };
    const text = probeText({ devices: [devices[0]], libraries: [], sessions: separate });
    expect(text).not.toContain("advice");
    expect(text).toContain("cannot share the weights of a model: not tested on darwin");
  });
});
