import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { packageRoot } from "../../shared/core/package-root.ts";
import type { Hand } from "./hand.ts";
import type { TortureCase } from "./torture-case.ts";

/** pyarrow, in a Python process that answers one request after another. */
export class PythonHand implements Hand {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #lines: Interface;

  /** @param python path of a Python with pyarrow */
  constructor(python: string) {
    // The script is beside the sources, also for the compiled program.
    const script = join(packageRoot, "fault", "torture", "python", "torture_hand.py");
    this.#child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.on("error", ({ message }) => {
      console.error(`--python ${python} cannot be started: ${message}`);
      process.exit(2);
    });
    if (this.#child.stdout === null) throw new Error("no pipe to Python");
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async make(torture: TortureCase, folder: string): Promise<string | null> {
    const answer = await this.#ask("make", torture, folder);
    return "skip" in answer ? answer.skip : null;
  }

  async judge(torture: TortureCase, folder: string): Promise<string[]> {
    const answer = await this.#ask("judge", torture, folder);
    if ("problems" in answer) return answer.problems;
    throw new Error(`Python could not judge the case: ${answer.skip}`);
  }

  async #ask(task: "make" | "judge", torture: TortureCase, folder: string): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify({ do: task, case: torture, folder })}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error("Python ended: is pyarrow installed, and was there enough memory?");
    const answer: unknown = JSON.parse(value);
    if (isAnswer(answer)) return answer;
    throw new Error(`Python could not ${task} the case: ${value}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines.close();
    this.#child.kill();
  }
}

type Answer = { readonly problems: string[] } | { readonly skip: string };

function isAnswer(answer: unknown): answer is Answer {
  return typeof answer === "object" && answer !== null && ("problems" in answer || "skip" in answer);
}
