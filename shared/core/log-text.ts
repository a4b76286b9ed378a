/** Formats a JSON log line for people: `07:22:10 warn worker a: attempt failed shard=4`. Shows local time. */
export function logText(line: string): string {
  // People at a terminal need no process ids: processes have names.
  const { level, time, name, msg, pid: _pid, ...facts } = parsed(line);
  const words = [clockText(time), levelText(level), `${wordOf(name)}:`, wordOf(msg)];
  const shown = Object.entries(facts).map(([key, value]) => `${key}=${factText(value)}`);
  return `${[...words, ...shown].filter((word) => word !== "").join(" ")}\n`;
}

function parsed(line: string): Record<string, unknown> {
  const found: unknown = JSON.parse(line);
  return isObject(found) ? found : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Pads a level, so that names begin in one column. */
function levelText(level: unknown): string {
  return wordOf(level).padEnd("error".length);
}

function clockText(time: unknown): string {
  const at = new Date(wordOf(time));
  return Number.isNaN(at.getTime()) ? "" : at.toTimeString().slice(0, "00:00:00".length);
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Shows an error by its message. The JSON form has its stack. */
function factText(value: unknown): string {
  if (isObject(value) && typeof value.message === "string") return JSON.stringify(value.message);
  return typeof value === "string" && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
}
