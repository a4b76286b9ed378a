import { useState } from "preact/hooks";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { api } from "./api.tsx";

/** Actions of a user with the right to submit, for a job that has not ended. */
export function JobActions({ status: { jobId, paused, priority } }: { readonly status: JobStatus }) {
  const [problem, setProblem] = useState("");
  const change = (name: string, body?: object) => {
    api.change(jobId, name, body).then(
      () => setProblem(""),
      (error: Error) => setProblem(error.message),
    );
  };
  const cancel = () => {
    if (confirm(`Cancel ${jobId}? Committed shards stay, and the job can be run again.`)) change("cancel");
  };
  const prioritise = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    change("priority", { priority: Number(form.get("priority")) });
  };
  return (
    <div class="actions" role="group" aria-label="Actions">
      <button type="button" onClick={() => change(paused ? "resume" : "pause")}>
        {paused ? "Resume" : "Pause"}
      </button>
      <form onSubmit={prioritise}>
        <label>
          Priority{" "}
          <input
            key={priority}
            name="priority"
            type="number"
            min={-1000}
            max={1000}
            defaultValue={`${priority}`}
          />
        </label>{" "}
        <button type="submit">Set</button>
      </form>
      <button type="button" class="bad" onClick={cancel}>
        Cancel the job
      </button>
      <span class="bad" role="alert">
        {problem}
      </span>
    </div>
  );
}
