import { livesText } from "../coordinator/report/lives.ts";
import type { Markup } from "../coordinator/report/markup.ts";
import { durationsPlot, pacePlot } from "../coordinator/report/plots.ts";
import { secondsText, shortCount } from "../coordinator/report/scale.ts";
import { END_TEXTS, timeLineLegend, timeLinePlot } from "../coordinator/report/time-line-plot.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { type RunHistory, SPAN_ENDS } from "../shared/domain/run-history.ts";
import { STAGES, type StageShares } from "../shared/domain/worker.ts";

type WithHistory = { readonly history: RunHistory | null };

/** Markup that the report is made of, too: all that came from others is escaped in it. */
function Plot({ markup }: { readonly markup: Markup | null }) {
  if (markup === null) return null;
  return (
    <div
      class="wide"
      tabIndex={0}
      role="group"
      aria-label="A plot"
      dangerouslySetInnerHTML={{ __html: markup.text }}
    />
  );
}

export function Overview({ status, history }: WithHistory & { readonly status: JobStatus }) {
  const { paused, bottleneck, advice, stages, batch, padding } = status;
  return (
    <>
      {bottleneck === null || paused ? null : (
        <div class="advice">
          Limited by <b>{bottleneck}</b>. {advice}
        </div>
      )}
      <h2>Rows a second</h2>
      {history === null ? <p class="soft">Not known.</p> : <Plot markup={pacePlot(history)} />}
      {history === null ? null : <p class="soft">{livesText(history)}</p>}
      <h2>Where the workers' time goes</h2>
      <Stages stages={stages} />
      <h2>Batches</h2>
      <p>
        {batch === null ? "None ran yet." : `${batch.rows} rows, bounded by ${batch.bound}.`}{" "}
        {padding === null ? null : `Padding: ${percent(padding)} of what ran.`}
      </p>
      {history === null ? null : <Attempts history={history} />}
    </>
  );
}

/** The first row of a table; with `n` the columns of numbers, which end on one line. */
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

function Stages({ stages }: { readonly stages: StageShares }) {
  const shown = STAGES.filter((stage) => (stages[stage] ?? 0) > 0);
  if (shown.length === 0) return <p class="soft">No worker has told yet.</p>;
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
        {shortCount(history.attempts)} began, {shortCount(history.backups)} of them as backups of slow ones.
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
      <Plot markup={durationsPlot(history)} />
    </>
  );
}

export function AttemptsTab({ history }: WithHistory) {
  if (history === null || history.workers.length === 0) return <p class="soft">No worker has joined yet.</p>;
  return (
    <>
      <Plot markup={timeLineLegend()} />
      <Plot markup={timeLinePlot(history)} />
      {history.workersLeftOut === 0 ? null : (
        <p class="soft">{shortCount(history.workersLeftOut)} other workers are not shown.</p>
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
                  <td>{device ?? ""}</td>
                  <td class="n">{secondsText(connectedSeconds)}</td>
                  <td class="n">{shortCount(rows)}</td>
                  <td class="n">{ends.committed}</td>
                  <td class="n">{ends.died + ends.failed + ends.rejected + ends.expired}</td>
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
      <p class="warn">{shortCount(status.deadLetters)} rows could not be mapped.</p>
      <ul class="jobs">
        {(history?.dead ?? []).map(({ stage, code, shards, file, row, message }) => (
          <li key={`${stage} ${code}`}>
            <b>{code}</b> in {stage}, in {shortCount(shards)} shards. The first: {message}
            <br />
            <code>
              {file} row {row}
            </code>
          </li>
        ))}
      </ul>
      <p class="soft">Of each shard the first one counts here. All of them are published to _errors/.</p>
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
