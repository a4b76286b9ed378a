import { useEffect, useState } from "preact/hooks";
import { formatCount } from "../shared/core/units.ts";
import { isEnded } from "../shared/domain/job.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { RunHistory } from "../shared/domain/run-history.ts";
import { secondsText } from "../shared/plots/scale.ts";
import { api, type JobDetail } from "./api.tsx";
import { JobActions } from "./job-actions.tsx";
import { jobLink } from "./job-link.tsx";
import { AttemptsTab, DeadTab, Overview } from "./job-tabs.tsx";
import { PhaseLine } from "./jobs-view.tsx";
import { ShardMap } from "./shard-map.tsx";

const TABS = [
  ["overview", "Overview"],
  ["workers", "Workers"],
  ["shards", "Shards"],
  ["dead-letters", "Dead letters"],
  ["file", "Job file"],
] as const;
/** Interval of requests for details: enough for plots over minutes and hours. */
const DETAIL_MS = 2_000;

interface JobViewProps {
  /** Null until the coordinator has sent it. */
  readonly status: JobStatus | null;
  readonly jobId: string;
  readonly tab: string;
  readonly mayChange: boolean;
}

export function JobView({ status: live, jobId, tab, mayChange }: JobViewProps) {
  const { detail, problem } = useDetail(jobId, live?.phase);
  const status = live ?? detail?.status ?? null;
  if (status === null)
    return problem === "" ? (
      <p class="soft">Loading…</p>
    ) : (
      <p class="bad">
        {problem}. <a href="#/">All jobs</a>
      </p>
    );
  return (
    <>
      <h1>{status.name}</h1>
      <p class="soft">
        Job {jobId}, to <code>{status.output}</code>
      </p>
      <PhaseLine status={status} countOf={formatCount} />
      <Tiles status={status} history={detail?.history ?? null} />
      {mayChange && isActive(status) ? <JobActions status={status} /> : null}
      <nav class="tabs" aria-label="Of this job">
        {TABS.map(([name, title]) => (
          <a key={name} href={jobLink(jobId, name)} aria-current={tab === name ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <Tab tab={tab} status={status} detail={detail} />
    </>
  );
}

function isActive({ phase }: JobStatus): boolean {
  return phase === "planning" || phase === "running" || phase === "reducing";
}

function Tab({
  tab,
  status,
  detail,
}: {
  readonly tab: string;
  readonly status: JobStatus;
  readonly detail: JobDetail | null;
}) {
  const history = detail?.history ?? null;
  switch (tab) {
    case "workers":
      return <AttemptsTab history={history} />;
    case "shards":
      return <ShardMap jobId={status.jobId} isOver={!isActive(status)} />;
    case "dead-letters":
      return <DeadTab status={status} history={history} />;
    case "file":
      return <pre tabIndex={0}>{detail === null ? "" : JSON.stringify(detail.spec, null, 2)}</pre>;
    default:
      return <Overview status={status} history={history} />;
  }
}

/** Requests the details of a job regularly while it runs, and once more when its phase changes. */
function useDetail(jobId: string, phase: string | undefined) {
  const [detail, setDetail] = useState<JobDetail | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async () => {
      try {
        if (!document.hidden) {
          const next = await api.job(jobId);
          if (isOver) return;
          setDetail(next);
          setProblem("");
          if (!isActive(next.status)) return;
        }
      } catch (error) {
        if (!isOver) setProblem((error as Error).message);
      }
      if (!isOver) timer = setTimeout(look, DETAIL_MS);
    };
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [jobId, phase]);
  return { detail, problem };
}

function Tiles({ status, history }: { readonly status: JobStatus; readonly history: RunHistory | null }) {
  const entries = [
    ["shards", `${formatCount(status.shardsCommitted)} / ${formatCount(status.shardsTotal)}`],
    ["running", formatCount(status.shardsLeased)],
    ["workers", formatCount(status.workers)],
    ["attempts lost or failed", formatCount(status.attemptsFailed)],
    ["dead letters", formatCount(status.deadLetters)],
    // This covers restarts of the coordinator, like the charts.
    [isEnded(status.phase) ? "ran for" : "running for", secondsText(history?.seconds ?? status.seconds)],
  ] as const;
  return (
    <ul class="tiles">
      {entries.map(([label, value]) => (
        <li key={label}>
          {label}
          <b>{value}</b>
        </li>
      ))}
    </ul>
  );
}
