import { join } from "node:path";
import { replay } from "../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../coordinator/schedule/laws/durable-facts.ts";
import { checkInvariants } from "../coordinator/schedule/laws/invariants.ts";
import type { JobState } from "../coordinator/schedule/state/job-state.ts";
import { canonicalJson, sha256 } from "../shared/core/digest.ts";
import { messageOf } from "../shared/core/errors.ts";
import type { Lease } from "../shared/domain/job.ts";
import { BrokenLaw, type Law } from "../shared/domain/laws.ts";
import { MANIFEST_NAME } from "../shared/domain/manifest.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import { compareTokens, type Token, tokenKey } from "../shared/domain/token.ts";
import { AcknowledgedCommits } from "./acknowledged-commits.ts";
import { brief, sessionOf } from "./call-facts.ts";
import type { DiskImage } from "./disk-image.ts";
import { type Holder, Holders } from "./holders.ts";
import { journalOf, keptPartials } from "./job-place.ts";
import type { JournalImage } from "./journal-image.ts";
import type { SimProcess } from "./scheduler.ts";
import { Silence } from "./silence.ts";
import type { ArrivedCall, Witness } from "./sim-network.ts";
import type { SimJob } from "./sim-plan.ts";
import { TaskChecker } from "./task-checker.ts";
import type { Violation } from "./violation.ts";

interface CheckerOptions {
  readonly image: DiskImage;
  readonly job: Pick<SimJob, "out" | "kept" | "data" | "isShared">;
  readonly nowMs: () => number;
  /** Returns true when requests came late: another coordinator may have acted on outdated reads. */
  readonly isLate: () => boolean;
  readonly note: (line: string) => void;
  /** True when this checker logs the calls, which are common to all jobs. */
  readonly logsCalls: boolean;
}

/** A worker's call to a coordinator, with the time of its arrival. */
interface Requested extends Pick<ArrivedCall, "method" | "args"> {
  readonly server: SimProcess;
  readonly arrivedMs: number;
}

/** Checks answers of coordinators against the disk: what they acknowledge must be durable. */
export class Checker {
  /** The first broken law. The world stops there. */
  violation: Violation | null = null;
  readonly #holders: Holders;
  readonly silence = new Silence();
  readonly tasks: TaskChecker;
  /** True once a coordinator was started with `fresh`. */
  mayStartOver = false;
  /** Paths of files that a fault has damaged. */
  readonly damaged = new Set<string>();
  readonly #image: DiskImage;
  readonly #job: CheckerOptions["job"];
  readonly #journal: JournalImage;
  readonly #nowMs: () => number;
  readonly #isLate: () => boolean;
  readonly #note: (line: string) => void;
  readonly #noteCall: (line: string) => void;
  /** Job ids of all runs. */
  readonly #ids = new Set<string>();
  #lastToken: Token | null = null;
  readonly #commits: AcknowledgedCommits;
  /** The newest session of each worker name, by coordinator process. */
  readonly #sessions = new Map<string, { readonly session: string; readonly arrival: number }>();
  #arrivals = 0;
  readonly #names = new Map<string, string>();

  constructor({ image, job, nowMs, isLate, note, logsCalls }: CheckerOptions) {
    this.#image = image;
    this.#job = job;
    this.#journal = journalOf(job, image);
    this.#commits = new AcknowledgedCommits(this.#journal);
    this.#nowMs = nowMs;
    this.#isLate = isLate;
    const { isShared } = job;
    this.tasks = new TaskChecker({ image, note, isShared, broken: this.broken.bind(this) });
    this.#holders = new Holders({ isShared, journal: this.#journal, nowMs, isLate, note });
    this.#note = note;
    this.#noteCall = logsCalls ? note : () => {};
  }

  broken(law: Law, message: string): void {
    this.violation ??= { law, message };
  }

  hold(condition: boolean, law: Law, message: string): void {
    if (!condition) this.broken(law, message);
  }

  /** Checks that a resuming coordinator is the only one, and replays the journal to its state. */
  takenUp(process: SimProcess, state: JobState): void {
    const how = this.#holders.takeUp(process, state, this.#job.isShared && this.mayStartOver);
    if (how === "replaced") return;
    if (how !== "held") this.broken("one-holder", `${process.name} resumed the job ${how.although}`);
    if (state.generation === 1) this.cleared();
    this.#note(`${process.name} resumes the job: generation ${state.generation}, ${state.phase.kind}`);
    // Another coordinator may already have removed the journal of a published job.
    if (!this.#job.isShared || state.phase.kind !== "published") this.checkReplay(state);
  }

  /** Notes that a coordinator that starts over begins to remove the previous run. */
  clears(process: SimProcess): void {
    if (this.mayStartOver) this.#holders.clears(process);
  }

  /** Notes that the previous run is removed. The next coordinator to hold the job begins another one. */
  cleared(): void {
    if (!this.mayStartOver) return;
    this.#holders.cleared();
    this.#lastToken = null;
    this.#commits.clear();
  }

  /**
   * Checks a put into a bucket. A coordinator that was paused across the end or the restart of a run must put
   * nothing. Two puts are exempt: one that was already on its way, and the start of a generation. After the
   * latter, the coordinator checks whose the run is and whether it is published.
   */
  put(process: SimProcess, path: string): void {
    const [, run, number] = /\/_shardmill\/(run-[^/]+)\/journal\/(\d+)$/.exec(path) ?? [];
    if (run === undefined || number === undefined || this.#isLate()) return;
    const role = this.#journal.roleOf(run, number);
    if (role === "start") this.#holders.began(process, { isTooLate: this.#isVisible() });
    if (role !== "stray" || this.#holders.wasUnderWay(process)) return;
    this.broken("one-holder", `${process.name} writes ${path}, which is not the job's journal any more`);
  }

  /** Notes a removed lock: the job is released, unless work files of a published job remain. */
  unlocked(process: SimProcess): void {
    const cleans = this.#holders.of(process)?.state.phase.kind === "published" && this.#journal.isThere();
    if (!cleans) this.letGo(process);
  }

  letGo(process: SimProcess): void {
    this.#holders.letGo(process);
  }

  wasDeposed(process: SimProcess): boolean {
    return this.#holders.isDeposed(process);
  }

  holder(): Holder | null {
    return this.#holders.living();
  }

  checkReplay(state: JobState): void {
    const records = this.#journal.records();
    const told = canonicalJson(durableFacts(replay(state.config, records, state.generation)));
    this.hold(
      told === canonicalJson(durableFacts(state)),
      "replay-is-the-state",
      "a replay of the journal gives another state than the running job",
    );
  }

  checkState({ state }: Holder): void {
    try {
      checkInvariants(state);
    } catch (error) {
      this.broken(error instanceof BrokenLaw ? error.law : "legal-moves", messageOf(error));
    }
  }

  /** Notes that a worker's call arrives at a coordinator. */
  arrived({ caller, server, method, args }: ArrivedCall): Witness {
    const session = sessionOf(args);
    const key = `${server.process.pid} ${this.#names.get(session) ?? ""}`;
    const isOld = this.#names.has(session) && this.#sessions.get(key)?.session !== session;
    const holder = this.#holders.of(server.process);
    this.#arrivals += 1;
    const arrival = this.#arrivals;
    const arrivedMs = this.#nowMs();
    const failedBefore = holder?.state.totals.attemptsFailed ?? 0;
    if (method !== "heartbeat") this.#noteCall(`${caller.name} calls ${method} ${brief(args)}`);
    return {
      taken: () => {
        const failed = holder?.state.totals.attemptsFailed ?? 0;
        const innocent = method === "releaseLease" || method === "leave";
        this.hold(
          !innocent || failed === failedBefore,
          "only-faults-count",
          `${method} was counted as a failure`,
        );
      },
      answered: (answer) => {
        if (server.process.state === "exited") return;
        if (method !== "heartbeat" && !(answer instanceof Error))
          this.#noteCall(`${method} of ${caller.name}: ${brief([answer])}`);
        if (answer instanceof Error)
          this.#noteCall(`${method} of ${caller.name}: refused, ${answer.message}`);
        else {
          // Only a worker that requests a lease serves this job.
          if (method === "requestLease") this.silence.served(arrivedMs);
          if (method !== "register") this.silence.lastHeardMs = this.#nowMs();
          this.hold(
            !isOld,
            "stale-is-fenced",
            `${method} of an older session of ${caller.name} was accepted`,
          );
          if (method === "register") this.#registered(args, answer, { server: server.process, arrival });
          const requested = { method, args, server: server.process, arrivedMs };
          this.#answered(requested, answer);
        }
      },
    };
  }

  /** Notes a new session. Of two with one name, the one that arrived later is newer. */
  #registered(
    args: readonly unknown[],
    answer: unknown,
    { server, arrival }: { readonly server: SimProcess; readonly arrival: number },
  ): void {
    const { name } = args[0] as { name: string };
    const { session } = answer as { session: string };
    const key = `${server.pid} ${name}`;
    this.#names.set(session, name);
    if ((this.#sessions.get(key)?.arrival ?? 0) < arrival) this.#sessions.set(key, { session, arrival });
  }

  /** Checks an answer. Leases that a deposed coordinator still grants have no effect. */
  #answered({ method, args, server, arrivedMs }: Requested, answer: unknown): void {
    const { kind, lease } = (answer ?? {}) as { kind?: string; lease?: Lease };
    const grants = method === "requestLease" && kind === "lease" && !this.#holders.isDeposed(server);
    if (grants && lease !== undefined) this.#granted(lease);
    if (method !== "offerPartial" || kind !== "committed") return;
    const [, jobId, partial] = args as [unknown, string, PartialManifest];
    this.tasks.committed(server, jobId, partial);
    if (!this.#ids.has(jobId) || this.#holders.wasThrownAway(server, partial, arrivedMs)) return;
    this.hold(
      !this.#holders.wasReplaced(server),
      "one-holder",
      `${server.name} acknowledges a commit, and was replaced before it resumed the job`,
    );
    this.#committed(partial);
  }

  /** Checks that tokens grow over all generations, and that the generation is durable. */
  #granted({ jobId, token, slices }: Lease): void {
    if (!slices.some(({ file }) => file.path.startsWith(`${this.#job.data}/`))) return;
    this.#ids.add(jobId);
    const last = this.#lastToken;
    this.hold(
      last === null || compareTokens(last, token) < 0,
      "tokens-grow",
      `token ${tokenKey(token)} after ${last === null ? "" : tokenKey(last)}`,
    );
    this.#lastToken = token;
    this.hold(
      this.#isVisible() || this.#journal.hasBegun(token.generation),
      "tokens-grow",
      `a token of generation ${token.generation} was granted before its generation was durable`,
    );
  }

  /** Checks that the record of a commit is durable, and so are its files in the folder of its execution. */
  #committed(partial: PartialManifest): void {
    const { shard, token, executionId, files } = partial;
    this.hold(
      this.isRecorded(executionId),
      "record-before-answer",
      `the commit of shard ${shard} by ${executionId} was acknowledged and is not durable`,
    );
    const holder = this.holder();
    const other = this.#commits.add(partial);
    const both = `commits of shard ${shard} by ${other} and ${executionId} were acknowledged`;
    this.hold(other === null, "first-commit-wins", both);
    const standing = holder?.state.shards[shard]?.state;
    // A repeated answer may be about a commit that was revoked, or published and cleaned up, since then.
    if (standing?.kind !== "committed" || standing.partial.executionId !== executionId) return;
    // A coordinator that finds the output published removes its partials.
    if (holder?.state.phase.kind !== "running" || this.#isVisible()) return;
    for (const file of files) {
      const folder = keptPartials(this.#job, this.#image);
      const path = join(folder, `${shard}-${token.generation}.${token.sequence}-${executionId}`, file.name);
      if (this.damaged.has(path)) continue;
      const bytes = this.#image.safeBytes(path);
      this.hold(
        bytes !== null && sha256(bytes) === file.sha256,
        "commits-stay-whole",
        `${path} was committed and is not durable`,
      );
    }
  }

  /** Returns true when a durable record, or the manifest of a published job, contains a text. */
  isRecorded(text: string): boolean {
    return this.#isVisible() || this.isInJournal(text);
  }

  #isVisible(): boolean {
    return this.#image.lookUp(join(this.#job.kept, MANIFEST_NAME)) !== null;
  }

  isInJournal(text: string): boolean {
    return this.#journal.hasSafely(text);
  }
}
