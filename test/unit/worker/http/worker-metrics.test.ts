import { expect, test } from "vitest";
import { metricsText } from "../../../../shared/metrics/metric.ts";
import { ProcessWatch } from "../../../../shared/metrics/process-metrics.ts";
import { SUPERVISOR_METRICS, type SupervisorFacts } from "../../../../worker/http/worker-metrics.ts";
import { GPU_READING } from "../../../support/gpus/reading.ts";

const FACTS: SupervisorFacts = {
  workers: [
    {
      name: "node-1-cuda0",
      device: "cuda",
      hasJoined: true,
      exits: 2,
      beat: {
        leases: 3,
        busy: { read: 0.1, infer: 0.9 },
        padding: 0.25,
        batch: { rows: 64, length: null, bound: "speed" },
        stores: [
          {
            store: "s3://corpus",
            requests: 7,
            bytesRead: 1_000,
            bytesWritten: 10,
            retries: 1,
            throttled: 0,
            waitedMs: 0,
            answers: 6,
            firstByteMs: 60,
          },
        ],
      },
      silentMs: 4,
    },
    { name: "node-1-cuda1", device: "cuda", hasJoined: false, exits: 0, beat: null, silentMs: null },
  ],
  gpus: [
    { gpu: "GPU-1", reading: { ...GPU_READING, celsius: null }, fault: null },
    { gpu: "GPU-2", reading: null, fault: "Xid 79: it has fallen off the bus" },
  ],
  process: new ProcessWatch().look(),
};

test("the metrics show every known figure, and omit unknown ones", () => {
  const lines = metricsText(SUPERVISOR_METRICS, FACTS).split("\n");
  const told = lines.filter((line) => /^shardmill_(process|gpu)/.test(line));
  expect(told).toEqual([
    'shardmill_process_joined{worker="node-1-cuda0",device="cuda"} 1',
    'shardmill_process_joined{worker="node-1-cuda1",device="cuda"} 0',
    'shardmill_process_exits_total{worker="node-1-cuda0"} 2',
    'shardmill_process_exits_total{worker="node-1-cuda1"} 0',
    'shardmill_process_leases{worker="node-1-cuda0"} 3',
    'shardmill_process_stage_busy_ratio{worker="node-1-cuda0",stage="read"} 0.1',
    'shardmill_process_stage_busy_ratio{worker="node-1-cuda0",stage="infer"} 0.9',
    'shardmill_process_batch_rows{worker="node-1-cuda0",bound="speed"} 64',
    'shardmill_process_padding_ratio{worker="node-1-cuda0"} 0.25',
    'shardmill_process_store_requests_total{worker="node-1-cuda0",store="s3://corpus"} 7',
    'shardmill_process_store_read_bytes_total{worker="node-1-cuda0",store="s3://corpus"} 1000',
    'shardmill_process_store_written_bytes_total{worker="node-1-cuda0",store="s3://corpus"} 10',
    'shardmill_process_store_retries_total{worker="node-1-cuda0",store="s3://corpus"} 1',
    'shardmill_gpu_excluded{gpu="GPU-1"} 0',
    'shardmill_gpu_excluded{gpu="GPU-2"} 1',
    'shardmill_gpu_utilisation_ratio{gpu="GPU-1",name="a GPU"} 0.9',
    'shardmill_gpu_memory_used_bytes{gpu="GPU-1",name="a GPU"} 1',
    'shardmill_gpu_memory_bytes{gpu="GPU-1",name="a GPU"} 2',
    'shardmill_gpu_power_watts{gpu="GPU-1",name="a GPU"} 300',
    'shardmill_gpu_corrected_errors_total{gpu="GPU-1",name="a GPU"} 0',
    'shardmill_gpu_uncorrected_errors_total{gpu="GPU-1",name="a GPU"} 0',
  ]);
});
