import type { TaskPlaces } from "../coordinator/job/job-seams.ts";
import { checkInvariants } from "../coordinator/schedule/laws/invariants.ts";
import type { JobState } from "../coordinator/schedule/state/job-state.ts";
import { messageOf } from "../shared/core/errors.ts";
import { BrokenLaw, type Law } from "../shared/domain/laws.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { DiskImage } from "./disk-image.ts";
import { SegmentsImage } from "./journal-image.ts";
import type { SimProcess } from "./scheduler.ts";

/** Inner job that a coordinator has opened. */
interface InnerJob {
  readonly process: SimProcess;
  readonly state: JobState;
  readonly places: TaskPlaces;
}

interface TaskCheckerOptions {
  /** Machines have disks of their own, whose roots no power cut spares in this image. */
  readonly isShared: boolean;
  readonly image: DiskImage;
  readonly broken: (law: Law, message: string) => void;
  readonly note: (line: string) => void;
}

/** Checks the inner jobs of a job: their states, and the commits of tasks that are acknowledged. */
export class TaskChecker {
  readonly #options: TaskCheckerOptions;
  #last: InnerJob | null = null;

  constructor(options: TaskCheckerOptions) {
    this.#options = options;
  }

  /** Notes that a coordinator has opened an inner job. */
  takenUp(process: SimProcess, state: JobState, places: TaskPlaces): void {
    this.#options.note(`${process.name} runs tasks: generation ${state.generation}, ${state.phase.kind}`);
    this.#last = { process, state, places };
  }

  /** Returns the inner job that was opened last, if its tasks still run. */
  running(): InnerJob | null {
    const last = this.#last;
    const runs = last?.process.state === "running" && last.state.phase.kind === "running";
    return runs ? last : null;
  }

  /** Checks the state of the inner job that was opened last. */
  look(): void {
    if (this.#last === null || this.#last.process.state === "exited") return;
    try {
      checkInvariants(this.#last.state);
    } catch (error) {
      const law = error instanceof BrokenLaw ? error.law : "legal-moves";
      this.#options.broken(law, `tasks: ${messageOf(error)}`);
    }
  }

  /** Checks that the record of an acknowledged commit is durable. */
  committed(server: SimProcess, jobId: string, { executionId }: PartialManifest): void {
    const last = this.#last;
    if (last?.process !== server || last.state.accepted?.jobId !== jobId) return;
    const { image, broken, isShared } = this.#options;
    if (!isShared && !new SegmentsImage(image, last.places.journal).hasSafely(executionId))
      broken("record-before-answer", `the commit of task ${executionId} was acknowledged and is not durable`);
  }
}
