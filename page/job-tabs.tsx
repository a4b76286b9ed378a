import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { formatCount } from "../shared/core/units.ts";
import { isEnded } from "../shared/domain/job.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { RunHistory } from "../shared/domain/run-history.ts";
import { SPAN_ENDS } from "../shared/domain/span-ends.ts";
import { STAGES, type StageShares } from "../shared/domain/worker.ts";
import type { Markup } from "../shared/plots/markup.ts";
import { durationsPlot, pacePlot } from "../shared/plots/plots.ts";
import { secondsText, shortCount } from "../shared/plots/scale.ts";
import { END_TEXTS, timeLineLegend, timeLinePlot } from "../shared/plots/time-line-plot.ts";
import { periodsText } from "../shared/plots/work-periods.ts";
import { batchText } from "../shared/terminal/batch-text.ts";
import { tasksText } from "../shared/terminal/task-text.ts";
import { counted } from "../shared/terminal/text.ts";

type WithHistory = { readonly history: RunHistory | null };

/** Width below which a plot scrolls, because a curve would have no room. */
const LEAST_PLOT_WIDTH = 300;
/** Width of the report's plots, which scales them. */
const MOST_PLOT_WIDTH = 1_000;

/** Width of an element in pixels, measured again when the window changes. */
function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(MOST_PLOT_WIDTH);
  useLayoutEffect(() => {
    const measure = () => setWidth(element.current?.clientWidth ?? MOST_PLOT_WIDTH);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return { element, width: Math.max(LEAST_PLOT_WIDTH, Math.min(MOST_PLOT_WIDTH, width)) };
}

/** Shows a plot of the report, drawn for the width of the page. The report escapes all text in it. */
function Plot({ draw }: { readonly draw: (width: number) => Markup | null }) {
  const { element, width } = useWidth();
  const markup = draw(width);
  return (
    <div
      ref={element}
      class="wide"
      tabIndex={0}
      role="group"
      aria-label="A plot"
      hidden={markup === null}
      dangerouslySetInnerHTML={{ __html: markup?.text ?? "" }}
    />
  );
}

/** Says why a job failed and what to do, or what limits one that runs. */
function Verdict({ status }: { readonly status: JobStatus }) {
  const { paused, bottleneck, advice, failure } = status;
  if (failure !== null)
    return (
      <div class="advice failed">
        <b>Failed</b> ({failure.code}): {failure.message}
        {failure.hint === undefined ? null : <p>What to do: {failure.hint}</p>}
      </div>
    );
  if (bottleneck === null || paused || advice === null) return null;
  return (
    <div class="advice">
      Limited by <b>{bottleneck}</b>: {advice}
    </div>
  );
}

export function Overview({ status, history }: WithHistory & { readonly status: JobStatus }) {
  const { stages, batch, padding, phase } = status;
  return (
    <>
      <Verdict status={status} />
      {status.tasks.map((run) => (
        <p key={run.reduction} class="soft">
          Tasks of {tasksText(run)}
        </p>
      ))}
      <h2>Rows a second</h2>
      {history === null ? (
        <p class="soft">Unknown.</p>
      ) : (
        <>
          <Plot draw={(width) => pacePlot(history, width)} />
          <p class="soft">{periodsText(history)}</p>
        </>
      )}
      <h2>Where the workers' time goes</h2>
      <Stages stages={stages} isOver={isEnded(phase)} />
      <h2>Batches</h2>
      <p>
        {batch === null ? "No batch has run." : `${batchText(batch)}.`}{" "}
        {padding === null ? null : `Padding: ${percent(padding)} of the positions.`}
      </p>
      {history === null ? null : <Attempts history={history} />}
    </>
  );
}

/** First row of a table. `n`: a column of numbers, which are aligned at the right. */
export function Head({ columns }: { readonly columns: readonly (readonly [title: string, kind?: "n"])[] }) {
  return (
    <thead>
      <tr>
        {columns.map(([title, kind]) => (
          <th key={title} scope="col" class={kind}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Stages({ stages, isOver }: { readonly stages: StageShares; readonly isOver: boolean }) {
  const shown = STAGES.filter((stage) => (stages[stage] ?? 0) > 0);
  if (shown.length === 0)
    return <p class="soft">{isOver ? "No worker reported." : "No worker has reported yet."}</p>;
  return (
    <table>
      <tbody>
        {shown.map((stage) => (
          <tr key={stage}>
            <th scope="row">{stage}</th>
            <td class="n">{percent(stages[stage] ?? 0)}</td>
            <td class="meter">
              <progress max={1} value={stages[stage] ?? 0} aria-label={`${stage} busy`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Attempts({ history }: { readonly history: RunHistory }) {
  const ends = SPAN_ENDS.filter((end) => history.ends[end] > 0).toReversed();
  return (
    <>
      <h2>Attempts</h2>
      <p>
        {formatCount(history.attempts)} started, {formatCount(history.backups)} of them as backups of slow
        attempts.
      </p>
      <table>
        <tbody>
          {ends.map((end) => (
            <tr key={end}>
              <td>{END_TEXTS[end]}</td>
              <td class="n">{shortCount(history.ends[end])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>How long the committed attempts took:</p>
      <Plot draw={(width) => durationsPlot(history, width)} />
    </>
  );
}

export function AttemptsTab({ history }: WithHistory) {
  if (history === null || history.workers.length === 0) return <p class="soft">No worker has joined yet.</p>;
  return (
    <>
      <Plot draw={timeLineLegend} />
      <Plot draw={(width) => timeLinePlot(history, width)} />
      {history.workersOmitted === 0 ? null : (
        <p class="soft">{shortCount(history.workersOmitted)} other workers are not shown.</p>
      )}
      <div class="wide" tabIndex={0} role="group" aria-label="Workers of the job">
        <table>
          <Head
            columns={[
              ["worker"],
              ["device"],
              ["connected", "n"],
              ["rows", "n"],
              ["committed", "n"],
              ["lost, failed", "n"],
              ["batch", "n"],
              ["padding", "n"],
              ["busiest stages"],
            ]}
          />
          <tbody>
            {history.workers.map(
              ({ name, device, connectedSeconds, rows, ends, batchRows, padding, stages }) => (
                <tr key={name}>
                  <td>{name}</td>
                  <td>{device ?? "unknown"}</td>
                  <td class="n">{secondsText(connectedSeconds)}</td>
                  <td class="n">{shortCount(rows)}</td>
                  <td class="n">{ends.committed}</td>
                  <td class="n">{ends.lost + ends.failed + ends.rejected + ends.expired}</td>
                  <td class="n">{batchRows ?? ""}</td>
                  <td class="n">{padding === null ? "" : percent(padding)}</td>
                  <td class="line">{busiest(stages)}</td>
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

export function DeadTab({ status, history }: WithHistory & { readonly status: JobStatus }) {
  if (status.deadLetters === 0) return <p>No row is a dead letter.</p>;
  return (
    <>
      <p class="warn">{counted(status.deadLetters, "row")} could not be mapped.</p>
      <ul class="jobs">
        {(history?.deadLetters ?? []).map(({ stage, code, shards, file, row, message }) => (
          <li key={`${stage} ${code}`}>
            <b>{code}</b> in {stage}, in {shortCount(shards)} shards. The first: {message}
            <br />
            <code>
              {file} row {row}
            </code>
          </li>
        ))}
      </ul>
      <p class="soft">The list counts the first dead letter of each shard. All are published to _errors/.</p>
    </>
  );
}

export function busiest(stages: StageShares): string {
  return STAGES.filter((stage) => (stages[stage] ?? 0) >= 0.005)
    .toSorted((a, b) => (stages[b] ?? 0) - (stages[a] ?? 0))
    .slice(0, 3)
    .map((stage) => `${stage} ${percent(stages[stage] ?? 0)}`)
    .join(", ");
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
