import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { DEVICE_TRAITS } from "../../shared/onnx/devices.ts";
import { runIsolated } from "../../shared/onnx/isolated.ts";
import { layOutLanes } from "../../worker/lanes/lane-layout.ts";
import type { JobFacts } from "./checks.ts";
import { rowsFault, worstError } from "./figures.ts";
import type { LoopModel, LoopSpeed, LoopTask, Placement } from "./loop-protocol.ts";
import { readOutput, writeInput } from "./rows.ts";
import { CommandFailed, type CommandLine, runCommand } from "./run-command.ts";
import { type JobRun, runJob, type WatchedGpu } from "./run-job.ts";
import { WORKLOADS, type WorkloadName } from "./workloads.ts";

/** Largest difference from the CPU's numbers, relative to the largest of them. */
const TOLERANCE = { exact: 1e-3, rounded: 2e-2, fp16: 5e-2 } as const;
/** Shards of a job: enough for a steady part, and for a worker to be killed between two. */
const SHARDS = 12;
/** Least rows of a job. On a slow device, they may take a few times the time of a measurement. */
const LEAST_ROWS = { fast: 2 * SHARDS, slow: 7, times: 3 } as const;
/** Limit of the names of an input file. */
const MOST_FILES = 400;
/** Longest time of a timer. The signal of each check ends its loops. */
const LOOP_LIMIT_MS = 2 ** 31 - 1;

export interface BenchOptions {
  readonly line: CommandLine;
  readonly device: ConcreteDevice;
  readonly gpu: WatchedGpu | null;
  /** Temporary folder. */
  readonly folder: string;
  /** Time of each measurement. */
  readonly measureMs: number;
}

interface RunOptions {
  readonly precision?: "fp16";
  readonly args?: readonly string[];
  /** Time of the run at the speed of the bare loop. Default: that of each measurement. */
  readonly runMs?: number;
  readonly onWorkers?: Parameters<typeof runJob>[1]["onWorkers"];
}

export type MeasuredJob = JobFacts & { readonly run: JobRun };

/** Runs workloads on one device: as jobs, as bare loops, and on the CPU for comparison. */
export class DeviceBench {
  readonly #options: BenchOptions;
  readonly #loops = new Map<string, LoopSpeed>();
  readonly #expected = new Map<WorkloadName, readonly number[]>();
  #runs = 0;

  constructor(options: BenchOptions) {
    this.#options = options;
  }

  /** Runs a workload as a job on the device, and compares its first rows with the CPU. */
  async measure(name: WorkloadName, options: RunOptions, signal: AbortSignal): Promise<MeasuredJob> {
    const { precision, args = [], runMs = this.#options.measureMs } = options;
    const { device, gpu } = this.#options;
    const { columns, comparedRows, fileRows, output } = WORKLOADS[name];
    const loop = await this.#loop(name, precision, signal);
    const expected = await this.#expectedValues(name, signal);
    const wanted = Math.ceil((loop.rowsPerSecond * runMs) / 1_000);
    const { fast, slow, times: longer } = LEAST_ROWS;
    const rows = Math.max(wanted, Math.min(Math.max(fast, comparedRows), Math.max(slow, longer * wanted)));
    const compared = Math.min(comparedRows, rows);
    const perFile = Math.min(fileRows, rows);
    const times = Math.min(MOST_FILES, Math.ceil(rows / perFile));
    const all = perFile * times;
    const folder = this.#newFolder(name);
    const data = join(folder, "data");
    await writeInput(data, { columns: await columns(perFile), rows: perFile, times });
    const job = this.#job(name, data, device, { precision, shardRows: Math.ceil(all / SHARDS) });
    const { onWorkers } = options;
    const run = await runJob(this.#options.line, {
      ...{ folder, job, args, gpu, signal },
      ...(onWorkers === undefined ? {} : { onWorkers }),
    });
    const { ids, values } = await readOutput(run, output, compared, signal);
    await rm(folder, { recursive: true, force: true });
    return {
      run,
      loop,
      rows: all,
      rowsFault: rowsFault(ids, all, perFile),
      worstError: worstError(values, expected.slice(0, (expected.length / comparedRows) * compared)),
      tolerance: this.#tolerance(precision),
    };
  }

  /** Runs a job of one file, with a model of its own. */
  async runOwn(
    model: Uint8Array,
    {
      columns,
      rows,
      map,
    }: {
      readonly columns: Parameters<typeof writeInput>[1]["columns"];
      readonly rows: number;
      readonly map: object;
    },
    signal: AbortSignal,
  ): Promise<JobRun> {
    const folder = this.#newFolder("own");
    await writeInput(join(folder, "data"), { columns, rows, times: 1 });
    await writeFile(join(folder, "model.onnx"), model);
    const job = {
      name: "own",
      input: { path: join(folder, "data", "*.parquet"), shardRows: rows },
      model: { path: join(folder, "model.onnx"), device: this.#options.device },
      map: { ...map, keep: ["id"] },
    };
    return runJob(this.#options.line, { folder, job, gpu: this.#options.gpu, signal });
  }

  /** Counts the operators of a workload's model on the device and on the CPU. */
  async placement(name: WorkloadName, signal: AbortSignal): Promise<Placement> {
    const folder = this.#newFolder("profile");
    await mkdir(folder, { recursive: true });
    const model = await this.#loopModel(name, undefined, signal);
    return (await this.#isolated({ kind: "placement", model, folder }, signal)) as Placement;
  }

  /** Returns the speed of `session.run` alone, measured once. */
  async #loop(name: WorkloadName, precision: "fp16" | undefined, signal: AbortSignal): Promise<LoopSpeed> {
    const key = `${name} ${precision}`;
    const known = this.#loops.get(key);
    if (known !== undefined) return known;
    const { measureMs } = this.#options;
    const { lanes } = this.#lanes();
    const model = await this.#loopModel(name, precision, signal);
    const speed = (await this.#isolated({ kind: "speed", model, lanes, measureMs }, signal)) as LoopSpeed;
    this.#loops.set(key, speed);
    return speed;
  }

  async #loopModel(
    name: WorkloadName,
    precision: "fp16" | undefined,
    signal: AbortSignal,
  ): Promise<LoopModel> {
    const { device, line } = this.#options;
    const { feeds, lengths, output } = WORKLOADS[name];
    const original = await this.#modelPath(name);
    const modelPath = precision === undefined ? original : original.replace(".onnx", `-${precision}.onnx`);
    if (precision !== undefined)
      await runCommand(line, ["convert", original, "--precision", precision, "-o", modelPath, "--force"], {
        signal,
      });
    return { modelPath, device, threads: this.#lanes().threads, feeds, lengths, output };
  }

  /** Computes the first rows on the CPU, one row at a time in one thread. */
  async #expectedValues(name: WorkloadName, signal: AbortSignal): Promise<readonly number[]> {
    const known = this.#expected.get(name);
    if (known !== undefined) return known;
    const { columns, comparedRows: rows, output } = WORKLOADS[name];
    const folder = this.#newFolder(`${name}-cpu`);
    const data = join(folder, "data");
    await writeInput(data, { columns: await columns(rows), rows, times: 1 });
    const job = this.#job(name, data, "cpu", { batch: { rows: 1 }, shardRows: rows });
    const args = ["--lanes", "1", "--threads", "1"];
    const run = await runJob(this.#options.line, { folder, job, args, gpu: null, signal });
    const { values } = await readOutput(run, output, rows, signal);
    this.#expected.set(name, values);
    return values;
  }

  #job(
    name: WorkloadName,
    data: string,
    device: ConcreteDevice,
    { precision, batch, shardRows }: { precision?: "fp16" | undefined; batch?: object; shardRows: number },
  ): object {
    const { inputs, output } = WORKLOADS[name];
    return {
      name,
      input: { path: join(data, "*.parquet"), shardRows },
      model: { path: this.#pathOf(name), device, ...(precision === undefined ? {} : { precision }) },
      map: { inputs, outputs: { [output]: output }, keep: ["id"], ...(batch === undefined ? {} : { batch }) },
    };
  }

  #pathOf(name: WorkloadName): string {
    return join(this.#options.folder, `${name}.onnx`);
  }

  /** Returns the path of a workload's model, which is written once. */
  async #modelPath(name: WorkloadName): Promise<string> {
    const path = this.#pathOf(name);
    if ((await stat(path).catch(() => null)) === null) await writeFile(path, WORKLOADS[name].model());
    return path;
  }

  /** Returns the lanes of a worker on this device. */
  #lanes(): { readonly lanes: number; readonly threads: number } {
    const cores = availableParallelism();
    const { device } = this.#options;
    return layOutLanes({ device, cores, requestedLanes: "auto", requestedThreads: "auto" });
  }

  #tolerance(precision: "fp16" | undefined): number {
    if (precision !== undefined) return TOLERANCE[precision];
    return DEVICE_TRAITS[this.#options.device].rounds ? TOLERANCE.rounded : TOLERANCE.exact;
  }

  #newFolder(name: string): string {
    this.#runs += 1;
    return join(this.#options.folder, `${this.#runs}-${name}`);
  }

  async #isolated(argument: LoopTask, signal: AbortSignal): Promise<unknown> {
    const script = compiledUrl("extensions/node-check/loop-process.ts");
    const { env } = this.#options.line;
    const result = await runIsolated({ script, argument, limitMs: LOOP_LIMIT_MS, env, signal });
    if (result.kind === "answered") return result.value;
    const how = result.kind === "crashed" ? result.how : "it did not answer in time";
    throw new CommandFailed(`the model alone failed: ${how}`, null);
  }
}
