import { useEffect, useState } from "preact/hooks";
import { api } from "./api.tsx";

const LOOK_MS = 1_000;
/** Limit of lines: as many as the coordinator keeps. */
const MOST_LINES = 1_000;

interface Line {
  readonly key: number;
  readonly time: string;
  readonly level: string;
  readonly text: string;
  readonly facts: string;
  /** Job that the line is about. Empty: none. */
  readonly job: string;
}

export function LogsView() {
  const { lines, problem } = useLogs();
  const [wanted, setWanted] = useState("");
  const [job, setJob] = useState("");
  const [troubleOnly, setTroubleOnly] = useState(false);
  const shown = lines.filter(
    ({ level, text, facts, job: of }) =>
      (job === "" || of === job) &&
      (!troubleOnly || level === "warn" || level === "error") &&
      `${text} ${facts}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  return (
    <>
      <h1>Logs</h1>
      <div class="actions">
        <label>
          Text{" "}
          <input type="search" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        </label>
        <label>
          Job{" "}
          <select value={job} onChange={(event) => setJob(event.currentTarget.value)}>
            <option value="">all</option>
            {jobsOf(lines).map((id) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={troubleOnly}
            onChange={(event) => setTroubleOnly(event.currentTarget.checked)}
          />{" "}
          Warnings and errors only
        </label>
      </div>
      {problem === "" ? null : <p class="bad">{problem}</p>}
      {shown.length === 0 ? <p class="soft">No line.</p> : null}
      <ol class="logs" tabIndex={0} aria-label="The coordinator's log, the newest first">
        {shown.toReversed().map(({ key, time, level, text, facts }) => (
          <li key={key} class={level === "warn" || level === "error" ? "bad" : undefined}>
            <time class="soft">{time}</time> <b>{level}</b> {text} <span class="soft">{facts}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

function useLogs() {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen = 0;
    const look = async () => {
      try {
        const { lines: more, count } = await api.logs(seen);
        if (isOver) return;
        // A smaller count means that the coordinator has restarted.
        const isNew = count < seen;
        const first = count - more.length;
        const parsed = more.flatMap((line, index) => parsedLine(line, first + index) ?? []);
        if (isNew || parsed.length > 0)
          setLines((known) => [...(isNew ? [] : known), ...parsed].slice(-MOST_LINES));
        seen = count;
        setProblem("");
      } catch (error) {
        if (!isOver) setProblem((error as Error).message);
      }
      if (!isOver) timer = setTimeout(look, LOOK_MS);
    };
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return { lines, problem };
}

function jobsOf(lines: readonly Line[]): readonly string[] {
  return [...new Set(lines.map(({ job }) => job).filter((job) => job !== ""))].sort();
}

/** Parses a line of the log. Returns null for the audit record of a join, which another line reports too. */
function parsedLine(line: string, key: number): Line | null {
  const parsed = parsedJson(line);
  // A line that was cut is not JSON.
  if (parsed === null) return { key, time: "", level: "", text: line, facts: "", job: "" };
  const { time, level, msg, name: _name, pid: _pid, ...facts } = parsed;
  if ((facts.audit as { readonly event?: string } | undefined)?.event === "joined") return null;
  return {
    key,
    time: new Date(String(time)).toLocaleTimeString(),
    level: String(level ?? ""),
    text: String(msg ?? ""),
    facts: factsText(facts),
    job: typeof facts.job === "string" ? facts.job : "",
  };
}

function parsedJson(line: string): Record<string, unknown> | null {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** Formats facts: `job=digits shard=3 err.code=STORE_FAILED`. */
function factsText(facts: object, prefix = ""): string {
  return Object.entries(facts)
    .map(([name, value]) => {
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return factsText(value, `${prefix}${name}.`);
      return `${prefix}${name}=${typeof value === "string" ? value : JSON.stringify(value)}`;
    })
    .join(" ");
}
