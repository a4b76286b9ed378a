import { useEffect, useState } from "preact/hooks";
import { api } from "./api.tsx";

const LOOK_MS = 1_000;
/** As many as the coordinator keeps. */
const MOST_LINES = 1_000;

interface Line {
  readonly key: number;
  readonly time: string;
  readonly level: string;
  readonly text: string;
  readonly facts: string;
}

/** As the coordinator's logger numbers them. */
const LEVELS: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
};

export function LogsView() {
  const { lines, problem } = useLogs();
  const [wanted, setWanted] = useState("");
  const [troubleOnly, setTroubleOnly] = useState(false);
  const shown = lines.filter(
    ({ level, text, facts }) =>
      (!troubleOnly || level === "warn" || level === "error") &&
      `${text} ${facts}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  return (
    <>
      <h1>Logs</h1>
      <div class="actions">
        <label>
          With the words{" "}
          <input type="search" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        </label>
        <label>
          <input
            type="checkbox"
            checked={troubleOnly}
            onChange={(event) => setTroubleOnly(event.currentTarget.checked)}
          />{" "}
          Warnings and errors alone
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
        // Fewer than were seen: of a coordinator that has come back.
        const isNew = count < seen;
        const first = count - more.length;
        const parsed = more.map((line, index) => parsedLine(line, first + index));
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

/** One that was cut is no JSON any more. */
function parsedLine(line: string, key: number): Line {
  try {
    const {
      time,
      level,
      msg,
      name: _name,
      pid: _pid,
      ...facts
    } = JSON.parse(line) as Record<string, unknown>;
    return {
      key,
      time: new Date(Number(time)).toLocaleTimeString(),
      level: LEVELS[Number(level)] ?? "",
      text: String(msg ?? ""),
      facts: Object.keys(facts).length === 0 ? "" : JSON.stringify(facts),
    };
  } catch {
    return { key, time: "", level: "", text: line, facts: "" };
  }
}
