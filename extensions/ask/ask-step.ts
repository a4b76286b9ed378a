import { setMaxListeners } from "node:events";
import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { systemRandom } from "../../shared/core/random.ts";
import { cellReader } from "../../shared/dataset/cell-reader.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import { readShare, type StepJob } from "../../shared/domain/step-job.ts";
import type { OpenStepOptions, RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import type { NamedType } from "../../shared/values/value-type.ts";
import { arrowFieldOf, columnOf } from "../../shared/values/write-values.ts";
import type { AnswerLog } from "./answer-log.ts";
import { answerColumns, closed } from "./answer-type.ts";
import { Asker } from "./asker.ts";
import type { AskOp } from "./op.ts";
import { type Answer, answerReader } from "./read-answer.ts";
import { expandSecrets } from "./secrets.ts";
import { AskClient } from "./send.ts";
import { type GateLimits, ServerGate } from "./server-gate.ts";
import { ShardLogs } from "./shard-logs.ts";
import { columnsOf, fillTemplate, parseTemplate, type Template, valueText } from "./template.ts";

/**
 * Opens the step on a worker.
 *
 * @throws {WORKER_UNFIT} when a secret is missing in the environment
 */
export function openAskStep(
  { where, ...columns }: StepBinding,
  op: AskOp,
  { job }: Pick<OpenStepOptions, "job">,
): Step {
  const secrets = expandSecrets(op.headers, process.env, where);
  const client = new AskClient(op.url, secrets.headers, op.timeoutMs);
  const types = answerColumns(op);
  const place = `${where} at ${new URL(op.url).origin}`;
  const asker = new Asker({
    where: place,
    patienceMs: op.patienceMs,
    gate: new ServerGate(() => limitsOf(op, job), systemClock, settleMsOf(job)),
    send: (body, signal) => client.send(body, signal),
    read: answerReader(op, types),
    conceal: secrets.conceal,
    onWait: waitWarner(place),
    clock: systemClock,
    random: systemRandom,
  });
  const logs = new ShardLogs(job?.keptPath ?? null);
  const made = madeColumns({ columns: columns.columns }).map(({ name }) => name);
  return new AskStep({ where, place, op, types, made, asker, logs, client });
}

/** Warnings about a server that is away are this far apart. */
const WARN_MS = 60_000;

/** Warns in the worker's log that requests wait for the server. */
function waitWarner(where: string): (why: string) => void {
  let warnedMs = Number.NEGATIVE_INFINITY;
  return (why) => {
    const nowMs = systemClock.nowMs();
    if (nowMs - warnedMs < WARN_MS) return;
    warnedMs = nowMs;
    // Loaded on demand: most servers are there.
    void import("../../shared/core/log.ts").then(({ createLogger }) =>
      createLogger("ask", "warn").warn({ where, why }, "requests wait for the server"),
    );
  };
}

/** Returns the share of a thread in the job's limits. At least one request at once. */
function limitsOf(op: AskOp, job: StepJob | undefined): GateLimits {
  const parts = job === undefined ? 1 : readShare(job.share).workers * job.shardThreads;
  const part = (limit: number | null) => (limit === null ? null : limit / parts);
  return {
    concurrency: Math.max(1, Math.floor(op.concurrency / parts)),
    requestsPerMinute: part(op.requestsPerMinute),
    tokensPerMinute: part(op.tokensPerMinute),
  };
}

/** Returns the time until the other workers know that they share the limits with this one. */
function settleMsOf(job: StepJob | undefined): number {
  if (job === undefined) return 0;
  const { workers, settleMs } = readShare(job.share);
  return workers > 1 ? settleMs : 0;
}

interface AskStepParts {
  readonly where: string;
  /** Key of the step, and its server. */
  readonly place: string;
  readonly op: AskOp;
  /** All columns of an answer. */
  readonly types: readonly NamedType[];
  /** Columns that are needed. */
  readonly made: readonly string[];
  readonly asker: Asker;
  readonly logs: ShardLogs;
  readonly client: AskClient;
}

class AskStep implements Step {
  readonly #parts: AskStepParts;
  readonly #system: Template;
  readonly #prompt: Template;
  readonly #fixed: object;

  constructor(parts: AskStepParts) {
    const { model, answer, request, system, prompt } = parts.op;
    this.#parts = parts;
    this.#system = parseTemplate(system ?? "").parts;
    this.#prompt = parseTemplate(prompt).parts;
    const json_schema = { name: "answer", strict: true, schema: answer === null ? null : closed(answer) };
    this.#fixed = {
      model,
      ...(answer === null ? {} : { response_format: { type: "json_schema", json_schema } }),
      ...request,
    };
  }

  run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    return this.#run(batch, undefined, signal);
  }

  ofShard(shard: Shard): Pick<Step, "run"> {
    return { run: (batch, signal) => this.#run(batch, shard, signal) };
  }

  async #run(batch: RecordBatch, shard: Shard | undefined, signal: AbortSignal): Promise<StepResult> {
    if (batch.numRows === 0) return this.#result([]);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    // Each row listens. Node warns of a leak above ten listeners.
    setMaxListeners(0, both);
    const requests = this.#requests(batch);
    return await this.#parts.logs.use(shard, async (log) => {
      const asked = requests.map((request) => this.#answer(request, log, both));
      try {
        return this.#result(await Promise.all(asked));
      } catch (error) {
        stop.abort(error);
        await Promise.allSettled(asked);
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.client[Symbol.dispose]();
    await this.#parts.logs[Symbol.asyncDispose]();
  }

  async #answer(request: RowRequest, log: AnswerLog, signal: AbortSignal): Promise<Answer | NullRow> {
    return "body" in request ? await this.#parts.asker.answer(request.body, log, signal) : request;
  }

  #requests(batch: RecordBatch): readonly RowRequest[] {
    const names = columnsOf([...this.#system, ...this.#prompt]);
    const cells = new Map(names.map((name) => [name, cellReader(columnData(batch, name))]));
    return Array.from({ length: batch.numRows }, (_, row) => {
      const values = new Map([...cells].map(([name, cell]) => [name, cell(row)]));
      const missing = names.find((name) => (values.get(name) ?? null) === null);
      if (missing !== undefined) return { kind: "null", column: missing };
      return { body: this.#bodyOf((name) => valueText(values.get(name))) };
    });
  }

  #bodyOf(textOf: (column: string) => string): string {
    const system =
      this.#system.length === 0 ? [] : [{ role: "system", content: fillTemplate(this.#system, textOf) }];
    const messages = [...system, { role: "user", content: fillTemplate(this.#prompt, textOf) }];
    return JSON.stringify({ ...this.#fixed, messages });
  }

  #result(answers: readonly (Answer | NullRow)[]): StepResult {
    const { types, made, where, place } = this.#parts;
    const failed = answers.flatMap((answer, row): RowFailure[] => {
      if (answer.kind === "null")
        return [{ row, code: "ROW_NULL", message: `${where}: column \`${answer.column}\` is null` }];
      return answer.kind === "bad" ? [{ row, code: "ROW_FAILED", message: `${place}: ${answer.why}` }] : [];
    });
    const needed = made.map((name) =>
      present(
        types.find((type) => type.name === name),
        name,
      ),
    );
    const columns = needed.map((type) => {
      const at = types.indexOf(type);
      return columnOf(
        answers.map((answer) => (answer.kind === "values" ? answer.values[at] : null)),
        type.type,
      );
    });
    return {
      made: recordBatchOf(new Schema(needed.map(arrowFieldOf)), answers.length, columns),
      sources: null,
      failed,
    };
  }
}

/** Row without a request, because a column is null. */
interface NullRow {
  readonly kind: "null";
  readonly column: string;
}

type RowRequest = NullRow | { readonly body: string };
